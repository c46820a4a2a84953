"""The notebook runs from nothing to its figures, and is kept without outputs."""

import base64
import os
import sys

import nbformat
from building import ROOT
from nbclient import NotebookClient

PAGE = ROOT / "examples" / "study.ipynb"


def test_the_notebook_compares_sixty_trials_and_shows_two_figures(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(PAGE, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in outputs)
    assert "| cartpole | ppo | 500 | 30 of 30 |" in text and "in steps to the goal" in text
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert [base64.b64decode(picture)[:4] for picture in pictures] == [b"\x89PNG"] * 2
    assert text.splitlines()[-1].startswith("ppo is better than narrow in steps to the goal, by 30 seeds on cartpole: ")
