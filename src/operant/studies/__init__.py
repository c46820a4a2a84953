"""operant.studies: studies of many seeds, read from their folders, compared and drawn (`pip install 'operant[study]'`).

from operant import studies
study = studies.read("runs/study-cartpole")
print(studies.report(study))
studies.plot(study, "solved", x="seconds")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from operant.studies.comparison import Comparison, compare
from operant.studies.study import Outcome, Run, Study, StudyError, read
from operant.studies.tables import report

if TYPE_CHECKING:
    from operant.studies.pictures import Picture

__all__ = ["Comparison", "Outcome", "Run", "Study", "StudyError", "compare", "plot", "read", "report"]


def plot(study: Study | str | Path, kind: str = "curves", **how: Any) -> Picture:
    """Draws a study, or that in a folder; see `operant.studies.pictures.draw`. A notebook shows the figure."""
    try:
        from operant.studies.pictures import draw
    except ImportError as problem:
        if (problem.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError("pictures need matplotlib: pip install 'operant[study]'", name="matplotlib") from None
    return draw(study if isinstance(study, Study) else read(study), kind, **how)
