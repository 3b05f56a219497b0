"""Maps and fixations on which our metrics and pysaliency's are compared."""

import numpy as np

CASES = ("smooth", "with ties", "with zeros")


def draw(case):
    """Return predicted, recorded, prior (24×16), and rows and columns of fixations and others."""
    random = np.random.Generator(np.random.PCG64(CASES.index(case)))
    predicted, recorded, prior = random.random((3, 24, 16)) + 1e-3
    if case == "with ties":
        predicted = np.ceil(predicted * 4)
    if case == "with zeros":
        predicted[3, 4] = recorded[5:8] = 0
    rows, other_rows = random.integers(8, 24, 40), random.integers(8, 24, 60)
    columns, other_columns = random.integers(0, 16, 40), random.integers(0, 16, 60)
    return predicted, recorded, prior, rows, columns, other_rows, other_columns
