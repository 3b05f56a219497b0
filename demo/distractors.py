"""Small objects that compete with the product for attention; none is a product."""

from __future__ import annotations

from functools import cache

import numpy as np

from demo.shapes import Part, Shape, arc, box, join, make_shape, polygon, rounded, sharp, stroke


def _ball() -> Shape:
    return make_shape(
        arc((50, 50), (50, 50), samples=40),
        Part(polygon((0, 40), (100, 30), (100, 62), (0, 72)), "light"),
        Part(polygon((0, 50), (100, 40), (100, 52), (0, 62)), "accent"),
        Part(
            join(arc((50, 50), (52, 52), -60, 120, 16), arc((38, 38), (56, 56), 90, -30, 16)),
            "main",
            -0.3,
        ),
        Part(arc((32, 26), (12, 9), samples=16), "light"),
    )


def _star() -> Shape:
    angles = np.deg2rad(np.arange(10) * 36 - 90)
    radii = np.where(np.arange(10) % 2 == 0, 50, 24)
    tips = np.stack([np.cos(angles) * radii, np.sin(angles) * radii], axis=1)
    centre = (0.0, 0.0)
    facets = (polygon(centre, tuple(tips[i]), tuple(tips[(i + 1) % 10])) for i in range(0, 10, 2))
    outline = rounded(*((float(x), float(y), 3.0) for x, y in tips), samples=3)
    return make_shape(outline, *(Part(facet, "main", -0.2) for facet in facets))


def _leaf() -> Shape:
    outline = rounded(
        (0, 100, 0), (8, 88, 6), (4, 40, 24), (50, 4, 26), (98, 0, 0), (96, 52, 26), (60, 96, 24),
        (13, 92, 6),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(polygon((0, 100), (98, 0), (120, 60), (60, 120)), "main", -0.2),
        *(
            Part(stroke((20 + 20 * i, 80 - 20 * i), (22 + 20 * i, 50 - 20 * i), 3), "main", 0.4)
            for i in range(3)
        ),
        *(
            Part(stroke((20 + 20 * i, 80 - 20 * i), (50 + 20 * i, 78 - 20 * i), 3), "main", 0.4)
            for i in range(3)
        ),
        Part(stroke((0, 100), (90, 10), 4), "main", 0.4),
    )


def _cube() -> Shape:
    return make_shape(
        rounded((50, 0, 3), (95, 24, 3), (95, 76, 3), (50, 100, 3), (5, 76, 3), (5, 24, 3)),
        Part(polygon((50, -4), (100, 23), (50, 49), (0, 23)), "main", 0.35),
        Part(polygon((50, 49), (100, 22), (100, 80), (50, 104)), "main", -0.3),
        Part(polygon((17, 46), (36, 56), (36, 74), (17, 64)), "accent"),
    )


def _plate() -> Shape:
    return make_shape(
        arc((50, 50), (50, 50), samples=40),
        Part(arc((50, 50), (47, 47), samples=40), "light"),
        Part(arc((52, 53), (33, 33), samples=32), "light", -0.22),
        Part(arc((50, 50), (32, 32), samples=32), "light", -0.07),
        *(
            Part(arc((x, y), (9, 9), samples=18), "accent")
            for x, y in ((44, 44), (60, 48), (49, 60))
        ),
    )


def _plant() -> Shape:
    leaves = (((50, 56), (30, 4)), ((50, 58), (6, 26)), ((50, 56), (72, 2)), ((50, 58), (96, 30)))
    outline = rounded(
        (26, 62, 1), (44, 60, 2), (12, 46, 12), (4, 22, 3), (32, 32, 4), (24, 4, 3), (44, 12, 9),
        (50, 28, 4), (58, 10, 9), (76, 2, 3), (70, 32, 4), (97, 24, 3), (88, 48, 12), (56, 60, 2),
        (74, 62, 1), (68, 100, 5), (32, 100, 5),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(polygon((50, 60), (44, 0), (60, 0)), "main", -0.25),
        Part(polygon((50, 60), (0, 40), (0, 60)), "main", -0.25),
        Part(polygon((50, 60), (100, 40), (100, 60)), "main", -0.25),
        *(Part(stroke(start, end, 2), "main", 0.35) for start, end in leaves),
        Part(box(20, 61, 80, 104), "accent"),
        Part(polygon((58, 61), (80, 61), (76, 104), (58, 104)), "accent", -0.2),
        Part(box(20, 61, 80, 70), "accent", 0.25),
    )


def _heart() -> Shape:
    t = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 5 * np.cos(2 * t) + 2 * np.cos(3 * t) + np.cos(4 * t) - 13 * np.cos(t)
    outline = np.stack([x, y], axis=1).astype(np.float32)
    return make_shape(
        outline,
        Part(polygon((2, 20), (20, -14), (20, 20)), "main", -0.2),
        Part(arc((-8, -6), (3.5, 2.6), samples=14), "light"),
    )


def _donut() -> Shape:
    outline = join(arc((50, 50), (50, 50), 0, 359.9, 28), arc((50, 50), (16, 16), 359.9, 0, 16))
    rng = np.random.default_rng(7)
    angles, radii = np.arange(14) * 25.7, rng.uniform(24, 38, 14)
    dots = [arc((50, 50), (r, r), a, a + 1, 2)[0] for a, r in zip(angles, radii, strict=True)]
    return make_shape(
        outline,
        Part(arc((50, 50), (43, 43), samples=32), "light"),
        Part(arc((49, 49), (41, 41), samples=32), "main", 0.3),
        *(
            Part(arc((float(x), float(y)), (3, 3), samples=8), ("accent", "dark", "light")[i % 3])
            for i, (x, y) in enumerate(dots)
        ),
        Part(arc((50, 50), (19, 19), samples=20), "main", -0.25),
    )


def _fruit_slice() -> Shape:
    wedges = (
        join([(50, 50)], arc((50, 50), (37, 37), 45 * i + 5, 45 * i + 40, 5)) for i in range(8)
    )
    return make_shape(
        arc((50, 50), (50, 50), samples=40),
        Part(arc((50, 50), (43, 43), samples=36), "light"),
        *(Part(wedge, "main", 0.15) for wedge in wedges),
    )


def _balloon() -> Shape:
    outline = rounded(
        *sharp(arc((50, 42), (38, 42), 110, 430, 32)),
        (53, 88, 0), (58, 96, 2), (42, 96, 2), (47, 88, 0), samples=3,
    )  # fmt: skip
    return make_shape(
        outline,
        Part(
            join(arc((50, 42), (40, 44), -70, 100, 16), arc((38, 40), (40, 44), 80, -50, 14)),
            "main",
            -0.22,
        ),
        Part(arc((36, 24), (8, 11), samples=16), "light"),
        Part(box(38, 86, 62, 100), "main", -0.35),
    )


_DISTRACTORS = {
    "ball": _ball,
    "star": _star,
    "leaf": _leaf,
    "cube": _cube,
    "plate": _plate,
    "plant": _plant,
    "heart": _heart,
    "donut": _donut,
    "fruit slice": _fruit_slice,
    "balloon": _balloon,
}

DISTRACTOR_CLASSES = tuple(_DISTRACTORS)
"""The names of the distractors."""


@cache
def distractor_shape(distractor_class: str) -> Shape:
    """The vector drawing of a distractor."""
    return _DISTRACTORS[distractor_class]()
