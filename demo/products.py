"""The advertised products as vector shapes, each drawn on a grid of about 100 units."""

from __future__ import annotations

from functools import cache

from demo.shapes import Part, Shape, arc, box, join, make_shape, polygon, rounded, sharp, stroke


def _sneaker() -> Shape:
    outline = rounded(
        (4, 34, 4), (15, 30, 4), (22, 42, 7), (35, 36, 4), (40, 22, 3), (50, 23, 3),
        (68, 46, 9), (90, 53, 10), (99, 64, 5), (98, 80, 5), (4, 80, 5), (3, 58, 8),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(polygon((34, 38), (38, 18), (52, 20), (57, 34), (44, 48)), "light"),
        Part(polygon((46, 42), (56, 31), (70, 46), (62, 54)), "main", -0.25),
        Part(polygon((0, 28), (14, 28), (20, 44), (16, 72), (0, 72)), "accent"),
        Part(rounded((72, 72, 1), (76, 54, 10), (94, 50, 6), (104, 72, 1)), "main", 0.3),
        Part(
            rounded((20, 62, 3), (48, 60, 6), (58, 50, 2), (64, 54, 2), (52, 68, 8), (22, 70, 2)),
            "accent",
        ),
        *(
            Part(stroke((45 + 6 * i, 39 + 4 * i), (53 + 6 * i, 30 + 6 * i), 3), "light")
            for i in range(3)
        ),
        Part(polygon((15, 32), (22, 42), (35, 36), (34, 42), (22, 48), (14, 38)), "dark"),
        Part(
            rounded((0, 69, 1), (30, 71, 10), (60, 69, 10), (104, 66, 1), (104, 90, 1), (0, 90, 1)),
            "light",
        ),
        Part(box(-2, 76, 104, 90), "dark"),
    )


def _mug() -> Shape:
    outline = rounded(
        (8, 12, 4), (70, 12, 4), (70, 26, 0), (97, 26, 17), (97, 76, 20), (69, 76, 0),
        (69, 64, 0), (86, 64, 10), (86, 38, 9), (70, 38, 0), (69, 64, 0), (69, 76, 0),
        (67, 92, 9), (11, 92, 9),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(polygon((56, 0), (69.5, 0), (69, 100), (55, 100)), "main", -0.18),
        Part(box(69.8, 20, 110, 80), "main", -0.1),
        Part(rounded((15, 26, 3), (21, 26, 3), (21, 82, 3), (16, 82, 3)), "main", 0.4),
        Part(box(0, 8, 72, 20), "main", 0.3),
        Part(arc((39, 16), (28, 3)), "dark"),
        Part(arc((40, 54), (15, 15)), "light"),
        Part(
            rounded((40, 65, 2), (29, 52, 3), (34, 45, 4), (40, 50, 1), (46, 45, 4), (51, 52, 3)),
            "accent",
        ),
    )


def _bottle() -> Shape:
    outline = rounded(
        (39, 0, 3), (61, 0, 3), (61, 22, 0), (59, 22, 0), (60, 32, 6), (76, 44, 9), (76, 100, 7),
        (24, 100, 7), (24, 44, 9), (40, 32, 6), (41, 22, 0), (39, 22, 0),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(polygon((64, 24), (90, 24), (90, 104), (64, 104)), "main", -0.22),
        Part(rounded((29, 48, 2), (34, 44, 2), (34, 96, 2), (29, 94, 2)), "main", 0.5),
        Part(box(36, -2, 64, 17), "dark"),
        Part(box(36, 17, 64, 22), "accent"),
        Part(box(42, 2, 46, 15, 1), "dark", 0.35),
        Part(box(20, 54, 80, 86), "light"),
        Part(box(66, 54, 80, 86), "light", -0.12),
        Part(box(20, 54, 80, 59), "accent"),
        Part(arc((46, 69), (7, 7)), "accent"),
        Part(box(34, 79, 60, 82), "dark"),
    )


def _soda_can() -> Shape:
    outline = rounded(
        (31, 3, 2), (69, 3, 2), (70, 8, 0), (77, 17, 5), (77, 86, 5), (70, 94, 2), (69, 98, 2),
        (31, 98, 2), (30, 94, 2), (23, 86, 5), (23, 17, 5), (30, 8, 0),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(
            rounded(
                (16, 62, 0),
                (34, 46, 10),
                (58, 58, 12),
                (84, 34, 0),
                (84, 64, 0),
                (58, 80, 12),
                (36, 68, 10),
                (16, 82, 0),
            ),
            "light",
        ),
        Part(
            rounded(
                (16, 72, 0),
                (34, 58, 10),
                (58, 70, 12),
                (84, 48, 0),
                (84, 58, 0),
                (58, 77, 12),
                (36, 65, 10),
                (16, 79, 0),
            ),
            "accent",
        ),
        Part(arc((42, 32), (10, 10)), "accent"),
        Part(arc((42, 32), (6, 6)), "light"),
        Part(polygon((66, 14), (80, 14), (80, 90), (66, 90)), "dark", 0.12),
        Part(polygon((66, 14), (72, 14), (72, 90), (66, 90)), "main", -0.25),
        Part(rounded((28, 20, 2), (33, 18, 2), (33, 88, 2), (28, 84, 2)), "main", 0.55),
        Part(polygon((20, 14), (80, 14), (70, 8), (30, 8)), "light", -0.3),
        Part(box(28, 0, 72, 8), "light", -0.1),
        Part(box(24, 91, 76, 100), "light", -0.35),
    )


def _headphones() -> Shape:
    outline = rounded(
        *sharp(arc((50, 50), (43, 46), 186, 354, 13)),
        (100, 54, 6), (99, 88, 9), (76, 95, 7), (73, 56, 6),
        *sharp(arc((50, 52), (34, 38), 356, 184, 11)),
        (27, 56, 6), (24, 95, 7), (1, 88, 9), (0, 54, 6), samples=3,
    )  # fmt: skip
    return make_shape(
        outline,
        Part(
            join(arc((50, 50), (43, 46), 215, 325, 12), arc((50, 52), (38, 41), 325, 215, 12)),
            "main",
            0.35,
        ),
        Part(
            join(arc((50, 51), (39, 42), 225, 315, 12), arc((50, 52), (30, 32), 315, 225, 12)),
            "dark",
        ),
        *(
            part
            for side in (-1, 1)
            for part in (
                Part(stroke((50 + side * 27, 50), (50 + side * 30, 100), 13), "dark"),
                Part(
                    rounded(
                        *(
                            (50 + side * x, y, 6)
                            for x, y in ((34, 56), (48, 58), (48, 86), (36, 90))
                        )
                    ),
                    "main",
                    -0.15,
                ),
                Part(arc((50 + side * 41.5, 73), (5, 9)), "accent"),
                Part(box(50 + side * 39 - 4, 42, 50 + side * 39 + 4, 50, 1), "light"),
            )
        ),
    )


def _watch() -> Shape:
    outline = rounded(
        (37, -12, 3), (63, -12, 3), (65, 14, 0),
        *sharp(arc((50, 44), (33, 33), -58, -8, 6)),
        (88, 39, 2), (88, 49, 2),
        *sharp(arc((50, 44), (33, 33), 8, 58, 6)),
        (65, 74, 0), (62, 100, 4), (38, 100, 4), (35, 74, 0),
        *sharp(arc((50, 44), (33, 33), 122, 238, 13)),
        (35, 14, 0), samples=3,
    )  # fmt: skip
    hours = (arc((50, 44), (22, 22), 30 * i, 360 + 30 * i, 12)[0] for i in range(12))
    return make_shape(
        outline,
        Part(box(30, -20, 70, 110), "accent"),
        Part(box(58, -20, 70, 110), "accent", -0.2),
        *(Part(arc((50, y), (2, 2), samples=8), "dark") for y in (84, 90, 96)),
        Part(box(34, 0, 66, 3.5), "accent", -0.35),
        Part(box(82, 36, 92, 52), "dark", 0.3),
        Part(arc((50, 44), (33.5, 33.5), samples=32), "main"),
        Part(arc((50, 44), (33.5, 33.5), -60, 100, samples=20), "main", -0.2),
        Part(arc((50, 44), (27, 27), samples=32), "light"),
        *(Part(arc((float(x), float(y)), (1.8, 1.8), samples=8), "dark") for x, y in hours),
        Part(stroke((50, 46), (50, 27), 3.4), "dark"),
        Part(stroke((49, 43), (64, 52), 3.4), "dark"),
        Part(stroke((54, 40), (38, 56), 1.8), "main"),
        Part(arc((50, 44), (3.2, 3.2), samples=10), "main"),
    )


def _smartphone() -> Shape:
    tiles = ((31, 40, "main"), (51, 40, "accent"), (31, 60, "accent"), (51, 60, "main"))
    return make_shape(
        box(24, 0, 76, 100, 8),
        Part(box(24.5, 0.5, 75.5, 99.5, 8), "dark", 0.25),
        Part(box(26, 2, 74, 98, 7), "dark"),
        Part(box(28, 4, 72, 96, 6), "main", 0.15),
        Part(polygon((28, 50), (72, 18), (72, 96), (28, 96)), "main", -0.12),
        Part(box(32, 16, 58, 21, 2), "light"),
        Part(box(32, 25, 68, 28, 1), "light", -0.15),
        Part(box(32, 31, 62, 34, 1), "light", -0.15),
        *(Part(box(x, y, x + 18, y + 17, 3), "light") for x, y, _ in tiles),
        *(Part(arc((x + 9, y + 8), (5, 5), samples=14), tone) for x, y, tone in tiles),
        Part(box(33, 83, 67, 91, 4), "accent"),
        Part(box(43, 6, 57, 10, 2), "dark"),
    )


def _lipstick() -> Shape:
    outline = rounded(
        (36, 16, 5), (62, 2, 7), (64, 40, 0), (68, 40, 1), (68, 54, 0), (74, 54, 2), (74, 102, 3),
        (26, 102, 3), (26, 54, 2), (32, 54, 0), (32, 40, 1), (36, 40, 0),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(polygon((56, 0), (70, 0), (70, 42), (56, 42)), "main", -0.2),
        Part(polygon((34, 18), (62, 0), (63, 8), (40, 26)), "main", 0.35),
        Part(box(30, 40, 70, 54), "accent", 0.3),
        Part(box(58, 40, 70, 54), "accent", -0.15),
        Part(box(36, 40, 40, 54), "light"),
        Part(box(20, 54, 80, 110), "dark"),
        Part(box(62, 54, 80, 110), "dark", -0.4),
        Part(box(32, 58, 37, 98, 2), "dark", 0.45),
        Part(box(20, 66, 80, 70), "accent", 0.3),
    )


def _handbag() -> Shape:
    outline = rounded(
        (12, 40, 5), (27, 40, 0), (34, 40, 0), (66, 40, 0),
        *sharp(arc((50, 31), (17, 19), 10, -190, 11)),
        (34, 40, 0), (27, 40, 0),
        *sharp(arc((50, 31), (24, 27), 165, 375, 12)),
        (73, 40, 0), (88, 40, 5), (98, 98, 8), (2, 98, 8),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(box(20, 0, 80, 40), "dark"),
        Part(polygon((0, 80), (100, 80), (104, 104), (-4, 104)), "main", -0.2),
        Part(polygon((76, 38), (92, 38), (104, 104), (84, 104)), "main", -0.12),
        Part(
            rounded((6, 38, 2), (94, 38, 2), (92, 56, 8), (58, 70, 8), (42, 70, 8), (8, 56, 8)),
            "main",
            0.22,
        ),
        Part(
            rounded((12, 40, 2), (88, 40, 2), (86, 53, 7), (57, 66, 8), (43, 66, 8), (14, 53, 7)),
            "main",
            0.06,
        ),
        Part(box(43, 60, 57, 76, 3), "accent", 0.3),
        Part(box(47, 64, 53, 72, 2), "dark"),
        Part(arc((27, 44), (4, 4), samples=12), "accent", 0.3),
        Part(arc((73, 44), (4, 4), samples=12), "accent", 0.3),
    )


def _cap() -> Shape:
    outline = rounded(
        *sharp(arc((44, 62), (39, 41), 178, 262, 9)),
        (40, 17, 2), (48, 17, 2),
        *sharp(arc((44, 62), (39, 41), 278, 346, 8)),
        (112, 66, 7), (116, 80, 5), (84, 76, 12), (6, 76, 6),
    )  # fmt: skip
    return make_shape(
        outline,
        Part(
            join(arc((44, 62), (40, 42), 275, 360, 12), [(58, 80), (64, 50), (56, 30)]),
            "main",
            -0.15,
        ),
        Part(join(arc((30, 64), (27, 42), 180, 290, 12), [(28, 40), (20, 72)]), "main", 0.14),
        Part(stroke((44, 18), (40, 80), 1.6), "main", -0.4),
        Part(box(30, 10, 58, 22.5), "accent"),
        Part(arc((58, 47), (12, 12)), "light"),
        Part(rounded((58, 37, 1), (66, 53, 1), (50, 53, 1)), "accent"),
        Part(box(0, 68, 84, 80), "main", -0.35),
        Part(
            rounded((62, 66, 4), (84, 58, 6), (118, 62, 4), (122, 84, 2), (84, 80, 8), (60, 78, 2)),
            "accent",
        ),
        Part(
            rounded((66, 72, 2), (90, 70, 6), (122, 74, 2), (122, 88, 2), (84, 84, 8), (62, 80, 2)),
            "accent",
            -0.3,
        ),
    )


def _sunglasses() -> Shape:
    outline = rounded(
        (0, 28, 3), (46, 30, 4), (54, 30, 4), (100, 28, 3), (99, 38, 2), (93, 70, 14), (60, 72, 15),
        (55, 43, 3), (45, 43, 3), (40, 72, 15), (7, 70, 14), (1, 38, 2),
    )  # fmt: skip
    lenses = [
        tuple((50 + side * x, y, radius) for x, y, radius in lens)
        for side in (-1, 1)
        for lens in [((9, 36, 6), (43, 35, 6), (38, 66, 12), (13, 67, 13))]
    ]
    return make_shape(
        outline,
        Part(box(-2, 26, 102, 33), "main", 0.3),
        *(Part(rounded(*lens), "dark") for lens in lenses),
        *(
            Part(polygon((x, 38), (x + 9, 37), (x - 1, 64), (x - 6, 62)), "dark", 0.4)
            for x in (25, 74)
        ),
        *(
            Part(polygon((x, 37), (x + 3, 37), (x - 6, 65), (x - 8, 64)), "dark", 0.4)
            for x in (37, 86)
        ),
        Part(arc((4, 34), (2, 2), samples=8), "accent"),
        Part(arc((96, 34), (2, 2), samples=8), "accent"),
    )


_PRODUCTS = {
    "sneaker": _sneaker,
    "mug": _mug,
    "bottle": _bottle,
    "soda can": _soda_can,
    "headphones": _headphones,
    "watch": _watch,
    "smartphone": _smartphone,
    "lipstick": _lipstick,
    "handbag": _handbag,
    "cap": _cap,
    "sunglasses": _sunglasses,
}

PRODUCT_CLASSES = tuple(_PRODUCTS)
"""The names of the products, which serve as the ads' keywords."""


@cache
def product_shape(product_class: str) -> Shape:
    """The vector drawing of a product; its outline has at most 48 vertices."""
    return _PRODUCTS[product_class]()
