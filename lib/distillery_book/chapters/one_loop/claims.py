"""What the thesis concludes about generators and losses, tested on a teacher of two inputs."""

from __future__ import annotations

from distillery_book.chapters.one_loop.one_loop import LOSSES
from distillery_book.results.claims import Mean, Test, above, every

STEPS = 5000
FEW, MANY = (8, 16, 32), (64, 128, 256)


def _error(place: str, what: str, metric: str, *, questions: int = 0) -> Mean:
    """How far a student is from its teacher; with `questions`, one that was asked at so many fixed
    places only.
    """
    where = {"generator": place, "loss": what, "questions": questions, "steps": STEPS}
    return Mean("one_loop", metric, where)


def _slopes_help(count: int) -> Test:
    values, both = (
        _error("uniform", what, "rmse_square", questions=count) for what in ("values", "both")
    )
    return above(values, both)


def _fresh_help(what: str) -> Test:
    same = _error("uniform", what, "rmse_square", questions=256)
    return above(same, _error("uniform", what, "rmse_square"))


TESTS: dict[str, Test] = {
    "one_loop_generator_matters": every(
        *(
            above(_error("wrong place", what, "rmse_ring"), _error("data", what, "rmse_ring"))
            for what in LOSSES
        )
    ),
    "one_loop_right_where_asked": every(
        *(
            above(_error("data", what, "rmse_square"), _error("data", what, "rmse_ring"))
            for what in ("values", "both")
        )
    ),
    "one_loop_fresh_inputs": every(_fresh_help("values"), _fresh_help("both")),
    "one_loop_slopes_many": every(*map(_slopes_help, MANY)),
    "one_loop_slopes_few": every(*map(_slopes_help, FEW)),
    "one_loop_values_suffice": above(
        _error("uniform", "slopes", "rmse_square_centred"),
        _error("uniform", "values", "rmse_square_centred"),
    ),
}
