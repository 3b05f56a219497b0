"""The served editor as MLflow runs it: a model from code, of which nothing is pickled.

MLflow executes this file when it logs the model and when it serves it; nothing of ours imports it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.serving.edit_requests import read_requests
from pipeline.serving.served_editor import ServedEditor, as_rows

# Seconds; set where MLflow serves.
_TIMEOUT = "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"


class EditorModel(PythonModel):
    """Redraws scenes so that attention on the product follows alpha."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the models of the artifact `editor`, a data root that `pack_editor` wrote."""
        self._editor = ServedEditor(Workspace(Path(context.artifacts["editor"])))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Return one answer for each row (docs/serving.md names the fields of both).

        Raises:
            MlflowException: a field breaks a rule; the server answers with status 400.
        """
        try:
            requests = read_requests(model_input.to_dict("records"), self._editor.image_size)
        except InputError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None
        # After that, MLflow's server has answered without us.
        deadline = time.monotonic() + float(os.environ.get(_TIMEOUT, "inf"))
        return as_rows(self._editor.edit(requests, lambda: time.monotonic() > deadline))


mlflow.models.set_model(EditorModel())
