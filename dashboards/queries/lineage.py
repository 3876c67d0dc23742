"""From failure to score: what a round made of what, as a graph.

    graph = of_round(ask, row, scores)        row: of `queries.rounds.rounds`
    graph.nodes[0]     -> Node("tiny-0a..", "run", ("before", "primer 0.71 [0.69, 0.73]"), "tiny-0a..")
    graph.edges[0]     -> ("f0e6..", "tiny-0a..")

    compact(graph)     -> the same with a chain of steps of one kind as one node, that of its last: what fits a page

Run before -> report of its failures -> causes -> rows -> training -> candidate -> run after -> verdict. Artifacts are
found upwards from those of the round by their parents; `made_by` names the step. `harness why ID` goes on from each
node down to single rows and samples. Cost: one recursive query over the round's own ancestors.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.queries import Ask, Rows
from dashboards.queries.sealed import Score

CAUSES = 5
"""Causes that are drawn, the largest; the others stand in one node."""
CHAINED = ("dataset", "model")
"""Kinds whose steps stand in one node where each made the next alone."""
ABOVE = """
WITH RECURSIVE above AS (
    SELECT artifact_id, kind, parents, made_by FROM artifacts WHERE list_contains(?::VARCHAR[], artifact_id)
    UNION
    SELECT a.artifact_id, a.kind, a.parents, a.made_by
    FROM above, unnest(above.parents) AS parent(id) JOIN artifacts a ON a.artifact_id = parent.id
)
SELECT * FROM above ORDER BY artifact_id LIMIT 200
"""


@dataclass(frozen=True)
class Node:
    """A thing of the graph; `named` is what `harness why` takes, empty where it takes nothing."""

    id: str
    kind: str
    """run, report, cause, dataset, adapter, model, verdict."""
    lines: tuple[str, ...]
    named: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes and (from, to)."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


def of_round(ask: Ask, row: Mapping[str, Any], scores: Mapping[tuple[str, str], Score]) -> Graph:
    """Return the graph of a round, as far as the round has come. `scores`: of its runs."""
    start = [one for one in (*(row["artifacts"] or ()), row["report"], row["candidate"]) if one]
    made = ask(ABOVE, (list(dict.fromkeys(start)),)) if start else []
    nodes = [_run(row["run_before"], "before", row["verdict_before"], scores)] if row["run_before"] else []
    causes = _causes(row)
    nodes += [*map(_artifact, made), *causes]
    edges = _edges(row, made, [one.id for one in causes])
    if row["run_after"]:
        nodes.append(_run(row["run_after"], "after", row["verdict_after"], scores))
        edges.append((row["candidate"], row["run_after"]))
    if row["accepted"] is not None:
        said = "accepted" if row["accepted"] else "rejected"
        nodes.append(Node("decision", "verdict", (said, *([row["why"]] if row["why"] else []))))
        last = row["run_after"] or row["candidate"] or (row["artifacts"] or [row["report"]])[-1]
        edges.append((last or row["run_before"], "decision"))
    known = {one.id for one in nodes}
    return Graph(tuple(nodes), tuple(edge for edge in dict.fromkeys(edges) if set(edge) <= known))


def compact(graph: Graph) -> Graph:
    """Return the graph with every chain of artifacts of one kind as its last one, the steps told in their order."""
    nodes = {one.id: one for one in graph.nodes}
    below, above = (Counter(edge[side] for edge in graph.edges) for side in (0, 1))
    before = {
        other: one
        for one, other in graph.edges
        if nodes[one].kind == nodes[other].kind in CHAINED and below[one] == 1 and above[other] == 1
    }
    last: dict[str, str] = {}  # of every artifact the end of its chain
    kept = []
    for end in graph.nodes:
        if end.id not in before.values():
            chain = [end]
            while chain[0].id in before:
                chain.insert(0, nodes[before[chain[0].id]])
            last |= {one.id: end.id for one in chain}
            steps = " → ".join(line.rpartition(".")[2] for one in chain for line in one.lines[1:])
            kept.append(end if len(chain) == 1 else Node(end.id, end.kind, (end.lines[0], steps), end.named))
    edges = dict.fromkeys((last[one], last[other]) for one, other in graph.edges)
    return Graph(tuple(kept), tuple(edge for edge in edges if edge[0] != edge[1]))


def _edges(row: Mapping[str, Any], made: Rows, causes: list[str]) -> list[tuple[str, str]]:
    """Return who was made of whom; between a report and its rows stand the causes, before it the run that failed."""
    report, run, edges = row["report"], row["run_before"], list[tuple[str, str]]()
    for one in made:
        for parent in one["parents"]:
            if one["artifact_id"] == report and run:
                edges += [(parent, run), (run, report)]
            elif parent == report and causes:
                edges += [(report, cause) for cause in causes] + [(cause, one["artifact_id"]) for cause in causes]
            else:
                edges.append((parent, one["artifact_id"]))
    return edges + [(report, cause) for cause in causes]


def _run(run_id: str, when: str, verdict: str | None, scores: Mapping[tuple[str, str], Score]) -> Node:
    own = [score for (run, _), score in scores.items() if run == run_id]
    told = tuple(f"{one.suite} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in own[:4])
    return Node(run_id, "run", (f"run {when}: gate {verdict or 'not asked'}", *told), run_id)


def _artifact(row: Mapping[str, Any]) -> Node:
    made_by = json.loads(row["made_by"] or "{}")
    by = made_by.get("step") or made_by.get("base") or ""
    return Node(row["artifact_id"], row["kind"], (f"{row['kind']} {row['artifact_id'][:8]}", by), row["artifact_id"])


def _causes(row: Mapping[str, Any]) -> list[Node]:
    ordered = sorted((row["causes"] or {}).items(), key=lambda item: (-item[1]["failures"], item[0]))
    drawn = [Node(key, "cause", (one["label"], f"{one['failures']} failures"), key) for key, one in ordered[:CAUSES]]
    if rest := ordered[CAUSES:]:
        failures = sum(one["failures"] for _, one in rest)
        drawn.append(Node("other causes", "cause", (f"{len(rest)} other causes", f"{failures} failures")))
    return drawn
