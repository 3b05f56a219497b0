"""Makes pysaliency_scores.json: what pysaliency says of the inputs that test_metrics.py draws.

pysaliency 0.2.22 needs an older NumPy than this project, so it runs in an environment of its own:

    python -m venv /tmp/pysaliency
    /tmp/pysaliency/bin/pip install pysaliency==0.2.22 'numpy<2' 'setuptools<81' torch
    /tmp/pysaliency/bin/python tests/attention/make_pysaliency_scores.py
"""

import json
from pathlib import Path

import numpy as np
from metric_inputs import CASES, draw
from pysaliency import Fixations, SaliencyMapModel, metrics, roc


class _One(SaliencyMapModel):
    """The same map for every stimulus."""

    def __init__(self, smap):
        super().__init__()
        self.smap = smap

    def _saliency_map(self, stimulus):
        return self.smap


def scores(case):
    predicted, recorded, prior, rows, columns, other_rows, other_columns = draw(case)
    stimuli = [np.zeros(predicted.shape)]
    fixations = Fixations.create_without_history(columns, rows, np.zeros(len(rows), int))
    model = _One(predicted)
    density = metrics.convert_saliency_map_to_density
    gained = np.log2(density(predicted)) - np.log2(density(prior))
    return {
        "CC": metrics.CC(predicted, recorded),
        "SIM": metrics.SIM(predicted, recorded),
        "KLD": metrics.MIT_KLDiv(predicted, recorded),
        "NSS": metrics.NSS(predicted, columns, rows).mean(),
        "AUC_Judd": model.AUC_Judd(_stimuli(stimuli), fixations, jitter=False),
        "sAUC": roc.general_roc(predicted[rows, columns], predicted[other_rows, other_columns])[0],
        "IG": gained[rows, columns].mean(),
    }


def _stimuli(images):
    from pysaliency import Stimuli

    return Stimuli([np.zeros((*image.shape, 3), np.uint8) for image in images])


if __name__ == "__main__":
    found = {case: {k: float(v) for k, v in scores(case).items()} for case in CASES}
    target = Path(__file__).with_name("pysaliency_scores.json")
    target.write_text(json.dumps(found, indent=1) + "\n")
