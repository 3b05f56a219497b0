import cv2
import numpy as np
import pandas as pd
import pytest

from demo.viewers import (
    CENTRE_BIAS_SIGMA,
    FIXATION_RANGE_S,
    SACCADE_S,
    UNIFORM_SHARE,
    attention_heatmap,
    attention_share,
    look,
    saliency_density,
)

HEIGHT, WIDTH = 480, 270
GREY = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
SIGMA_PX = 20.0
SCENE_S = 1.4


def disc_mask(centre=(135, 240), radius=50, size=(HEIGHT, WIDTH)):
    return cv2.circle(np.zeros(size, np.uint8), centre, radius, 1, -1).astype(bool)


def with_disc(background, mask, colour, contrast):
    """Paint the mask: `contrast` goes from the background's mean colour (0) to `colour` (1)."""
    scene = background.astype(float)
    mean = scene[mask].mean(axis=0)
    scene[mask] = mean + contrast * (np.asarray(colour) - mean)
    return scene.round().astype(np.uint8)


def random_background(rng):
    """A gradient between two colours, every other time with a texture over it."""
    top, bottom = rng.uniform(60, 195, (2, 3))
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    background = np.broadcast_to(top * (1 - down) + bottom * down, (HEIGHT, WIDTH, 3))
    if rng.random() < 0.5:
        grain = rng.normal(0, rng.uniform(3, 14), (HEIGHT // 8, WIDTH // 8)).astype(np.float32)
        background = background + cv2.resize(grain, (WIDTH, HEIGHT))[..., None]
    return background.clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def disc_density():
    return saliency_density(with_disc(GREY, disc_mask(), (255, 40, 40), 0.5))


@pytest.mark.parametrize("size", [(480, 270), (176, 96), (64, 64), (1280, 720)], ids=str)
def test_density_is_a_positive_distribution(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    density = saliency_density(image)
    assert density.shape == size
    assert density.dtype == np.float64
    assert density.min() > 0
    assert density.sum() == pytest.approx(1, abs=1e-9)


def test_plain_grey_leaves_the_centre_bias():
    down, across = (
        np.exp(-0.5 * (((np.arange(n) + 0.5) / n - 0.5) / CENTRE_BIAS_SIGMA) ** 2)
        for n in GREY.shape[:2]
    )
    expected = np.outer(down, across) / np.outer(down, across).sum()
    np.testing.assert_allclose(saliency_density(GREY), expected, rtol=1e-4)


def test_bright_disc_draws_far_more_than_its_area():
    mask = disc_mask()
    density = saliency_density(with_disc(GREY, mask, (255, 255, 255), 1))
    assert mask.mean() == pytest.approx(0.06, abs=0.002)
    assert density[mask].sum() > 0.6


def test_share_rises_with_vividness_on_almost_every_scene():
    rng = np.random.default_rng(1)
    rising = []
    for _ in range(60):
        background = random_background(rng)
        rival = disc_mask((int(rng.integers(50, 220)), 100), 40)
        background = with_disc(background, rival, rng.choice([20.0, 235.0], 3), rng.uniform(0.1, 1))
        mask = disc_mask((int(rng.integers(60, 210)), int(rng.integers(210, 410))))
        colour = rng.choice([20.0, 235.0], 3)
        shares = [
            attention_share(saliency_density(with_disc(background, mask, colour, c)), mask)
            for c in (0.1, 0.25, 0.4, 0.6, 0.8, 1)
        ]
        rising.append(bool(np.all(np.diff(shares) > 0)))
    assert np.mean(rising) >= 0.97


def test_density_is_about_the_same_at_any_frame_size():
    scene, mask = with_disc(GREY, disc_mask(), (255, 40, 40), 0.5), disc_mask()
    small = cv2.resize(scene, (96, 176), interpolation=cv2.INTER_AREA)
    small_mask = cv2.resize(mask.astype(np.uint8), (96, 176), interpolation=cv2.INTER_NEAREST)
    large_share = attention_share(saliency_density(scene), mask)
    assert attention_share(saliency_density(small), small_mask) == pytest.approx(
        large_share, abs=0.02
    )


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)], ids=["grey", "float"]
)
def test_density_refuses_what_is_not_an_rgb_image(image):
    with pytest.raises(ValueError, match=r"must be uint8 RGB of shape \(H, W, 3\), found"):
        saliency_density(image)


@pytest.mark.parametrize("stratified", [False, True], ids=["independent", "stratified"])
def test_same_seeds_look_at_the_same_places(disc_density, stratified):
    first = look(disc_density, range(8), SCENE_S, stratified=stratified)
    again = look(disc_density, range(8), SCENE_S, stratified=stratified)
    others = look(disc_density, range(8, 16), SCENE_S, stratified=stratified)
    pd.testing.assert_frame_equal(first, again)
    assert not first["x_px"].head(8).equals(others["x_px"].head(8))


def test_viewer_depends_on_own_seed_only(disc_density):
    alone = look(disc_density, [7], SCENE_S)
    in_company = look(disc_density, [3, 7], SCENE_S).query("viewer == 1")
    pd.testing.assert_frame_equal(
        alone.drop(columns="viewer"), in_company.drop(columns="viewer").reset_index(drop=True)
    )


def test_longer_scene_begins_with_the_same_fixations(disc_density):
    short, long = look(disc_density, [5], 1.0), look(disc_density, [5], 2.0)
    complete = len(short) - 1
    pd.testing.assert_frame_equal(short.head(complete), long.head(complete))


@pytest.mark.parametrize("stratified", [False, True], ids=["independent", "stratified"])
def test_fixations_stay_inside_frame_and_scene(disc_density, stratified):
    fixations = look(disc_density, range(200), SCENE_S, stratified=stratified)
    assert fixations["x_px"].between(0, WIDTH, inclusive="left").all()
    assert fixations["y_px"].between(0, HEIGHT, inclusive="left").all()
    ends = fixations["onset_s"] + fixations["duration_s"]
    assert (fixations["duration_s"] > 0).all()
    assert ends.max() == pytest.approx(SCENE_S)
    assert (fixations.groupby("viewer")["onset_s"].min() == 0).all()
    gaps = fixations.groupby("viewer")["onset_s"].shift(-1) - ends
    np.testing.assert_allclose(gaps.dropna(), SACCADE_S)


def test_durations_have_the_stated_moments(disc_density):
    # The first four of a viewer's fixations end before 4 s, so none is cut off.
    durations = look(disc_density, range(1000), 4.0).groupby("viewer").head(4)["duration_s"]
    assert durations.mean() == pytest.approx(0.25, abs=0.005)
    assert durations.std() == pytest.approx(0.11, abs=0.005)
    assert durations.between(*FIXATION_RANGE_S).all()


def test_fixations_follow_the_density(disc_density):
    fixations = look(disc_density, range(2000), SCENE_S)
    mask = disc_mask()
    on_disc = mask[fixations["y_px"].astype(int), fixations["x_px"].astype(int)].mean()
    expected = (1 - UNIFORM_SHARE) * disc_density[mask].sum() + UNIFORM_SHARE * mask.mean()
    assert on_disc == pytest.approx(expected, abs=0.015)


def test_small_edit_moves_fixations_little():
    mask = disc_mask()
    tables = [
        look(saliency_density(with_disc(GREY, mask, (255, 40, 40), contrast)), range(200), SCENE_S)
        for contrast in (0.5, 0.51, 0.55)
    ]
    places = [table[["x_px", "y_px"]].to_numpy() for table in tables]
    by_1, by_5 = (np.linalg.norm(moved - places[0], axis=1) for moved in places[1:])
    assert by_1.max() < 0.05 * HEIGHT
    assert np.median(by_1) < 1
    assert by_1.mean() < by_5.mean() / 3


def test_stratified_panels_agree_better_than_independent_ones(disc_density):
    mask = disc_mask()
    spread = {}
    for stratified in (False, True):
        panels = [
            look(disc_density, range(100 * k, 100 * k + 64), SCENE_S, stratified=stratified)
            for k in range(12)
        ]
        shares = [
            np.average(mask[p["y_px"].astype(int), p["x_px"].astype(int)], weights=p["duration_s"])
            for p in panels
        ]
        spread[stratified] = np.std(shares)
    assert spread[True] < 0.5 * spread[False]


def test_heatmap_of_a_panel_peaks_on_the_vivid_disc():
    mask = disc_mask((180, 150))
    scenes = [with_disc(GREY, mask, (255, 40, 40), contrast) for contrast in (0.3, 0.4)]
    heatmaps = [attention_heatmap(scene, range(64), SIGMA_PX, SCENE_S) for scene in scenes]
    assert heatmaps[0].dtype == np.float32
    assert heatmaps[0].min() >= 0
    assert heatmaps[0].max() == 1
    assert mask[np.unravel_index(heatmaps[0].argmax(), mask.shape)]
    assert attention_share(heatmaps[1], mask) > attention_share(heatmaps[0], mask) + 0.02


def test_share_by_hand():
    heatmap = np.array([[0.25, 0.5], [0.25, 1.0]], np.float32)
    assert attention_share(heatmap, np.array([[0, 1], [0, 0]])) == pytest.approx(0.25)
