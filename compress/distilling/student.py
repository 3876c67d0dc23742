"""A smaller student, cut out of its teacher: the layers and feed-forward channels that matter most on the rows.

    shapes({"model_type": "llama", "num_hidden_layers": 2, "intermediate_size": 512, ..}, layers=1, intermediate=256)
      -> [Plan("layers", now=2, then=1, ..), Plan("channels", now=512, then=256, ..)]
    student = cut_out(teacher, [..], ids)           a model of its own, with no tensor of the teacher's in it

Embeddings, norms, attention and what is kept of the rest begin as the teacher's: a student that starts there is nearer
than a random one by far (DistilBERT, Sanh et al. 2019, arXiv 1910.01108; Minitron, Muralidharan et al. 2024, arXiv
2407.14679). What is cut and how it is scored: `compress.pruning`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compress.pruning import plan as plans
from compress.pruning.plan import ORIGINAL, Plan
from harness.errors import UsageError


def shapes(config: Mapping[str, Any], layers: int | None, intermediate: int | None) -> list[Plan]:
    """Return the cuts that lead from a teacher's config.json to the student's.

    Raises:
        UsageError: an unknown architecture; a shape that is not smaller, or that no cut leads to.
    """
    plans.known(config)
    found: list[Plan] = []
    now = {key: value for key, value in config.items() if key != ORIGINAL}
    for method, wanted in (("layers", layers), ("channels", intermediate)):
        key = plans.WIDTHS[method]
        have = now.get(key)
        if wanted is None or wanted == have:
            continue
        if not isinstance(have, int) or wanted > have:
            raise UsageError(f"a student of {key} {wanted}, the teacher has {have}", "a smaller one", "mend `student`")
        cut = plans.plan(now, method, 1.0 - wanted / have)  # type: ignore[arg-type]
        if cut.then != wanted:
            expected = f"{cut.then}, or another multiple of {plans.MULTIPLE}"
            raise UsageError(f"a student of {key} {wanted}", expected, "mend `student`")
        found.append(cut)
        now = {key: value for key, value in cut.config.items() if key != ORIGINAL}
    if not found:
        what = f"the student is its teacher: {layers} layers, intermediate {intermediate}"
        raise UsageError(what, "fewer layers, or a smaller intermediate", "mend `student`")
    return found


def cut_out(teacher: Any, cuts: Sequence[Plan], ids: Sequence[Sequence[int]]) -> Any:
    """Return the student; `ids`: rows by which it is chosen what is kept. The teacher stays as it is."""
    from compress.pruning.cutting import cut
    from compress.pruning.importance import score

    student = teacher
    for one in cuts:
        student = cut(student, one, score(student, one.method, ids).scores)
    for weights in student.parameters():
        weights.data = weights.data.clone()  # else training would change the teacher's
    # A student is no pruned model: shares of later cuts are of its own widths.
    if hasattr(student.config, ORIGINAL):
        delattr(student.config, ORIGINAL)
    return student
