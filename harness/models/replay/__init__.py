"""Serves `replay:FILE` and `replay:FOLDER`: completions that were recorded earlier, by us or by others.

Files are .jsonl or .json, .gz too. The shape of every row is recognised (`shapes.py`), several may stand side by side:

    {"task_id": "HumanEval/85", "completion": "    return .."}     by official name; the k-th row of a name is attempt k
    {"outputs": [{"input": "..Q: not ( True ) is\\nA:", "prediction": "False", "target": ..}]}
                                                     BIG-Bench-Hard's Codex files: by the last question of the input
    {"suite": .., "sample_id": .., "attempt": 0, "completion": {"text": .., ..}}       our own export: by sample
    {"prompt": "..", "completion": ".."}             by the exact prompt; the k-th row of a prompt is attempt k

A recorded text is given as it is: no stop string, no limit and no reasoning marker is applied, and its finish is
`recorded` (an export keeps its own). A request that nobody recorded is a Fault (`data`, `no_recording`), never an
empty answer. It does not check that a recording was made with the prompt that the suite asks today.
"""

from harness.models.replay.model import Replay

__all__ = ["Replay"]
