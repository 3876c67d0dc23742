"""Everything wrong with a policy that can be found before a token is spent: names, ranges, references, files.

    check(policy, "gates.yaml", database, Path("."))
    UsageError: gates.yaml: suites.humanevl: no suite named 'humanevl' / nearest: 'humaneval' / ..

The shape of the file (keys, types, positive margins) is `policy.load`'s. A suite of a stored run is taken as that run
declares it, so that its code or file need not be here. Cost: importing the suites named, and one sample of each that
names a tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import data, registry
from harness.errors import HarnessError, UsageError, nearest
from harness.gate import figures
from harness.gate.gather import stored_name, stored_references, used
from harness.gate.policy import MEASURES, Policy, SuitePolicy
from harness.store import Database, read
from harness.types import Metric


def check(
    policy: Policy,
    where: str,
    database: Database,
    folder: Path,
    candidate: str | None = None,
    data_folder: str | None = None,
) -> None:
    """Return when a policy can be decided; `candidate` is the run, where there is one already.

    `where` names the policy in errors; `folder` is where its files of figures lie, `data_folder` the suites' rows.

    Raises:
        UsageError: the first thing that is wrong, with the nearest right name.
    """
    _limits(policy, where)
    if not any(wanted.required for wanted in policy.suites.values()):
        raise UsageError(f"{where}: no suite is required: nothing could fail", "one that is", f"mend {where}")
    for name, wanted in policy.suites.items():
        _names_of_references(policy, f"{where}: suites.{name}", wanted)
    if policy.sequential.enabled and (policy.reference is None or not policy.reference.run):
        what = f"{where}: sequential mode looks at differences to a stored run, and there is no reference that is one"
        raise UsageError(
            what, "`reference: {run: NAME}`, or no sequential mode", "type: harness gate ... --baseline NAME"
        )
    known = _stored_suites(database, candidate)
    published = {name: (figures.load(path), path) for name, path in figures.files(policy, folder)}
    references = stored_references(database, policy)
    rows = {name: _stored_suites(database, run_id) for name, run_id in references.items()}
    for name, wanted in policy.suites.items():
        place = f"{where}: suites.{name}"
        row = known.get(stored_name(name, known)) if known else None
        if candidate is not None and row is None:
            _lacks(place, candidate, name, known)
        metric = _metric(place, name, wanted, row)
        _ranges(place, wanted, metric)
        _tag(place, name, wanted, database, candidate, data_folder)
        for to in used(wanted):
            alone = to not in _ruled(wanted) and _by_itself(wanted)
            if to in references and stored_name(name, rows[to]) not in rows[to] and not alone:
                _lacks(place, references[to], name, rows[to])
            if to in published and to in _ruled(wanted):
                _reachable(place, wanted, metric, figures.figure(*published[to], name, metric).value, to)


def _limits(policy: Policy, where: str) -> None:
    for measure, bound in policy.limits.items():
        if measure not in MEASURES:
            what = f"{where}: limits: no measure named {measure!r}"
            raise UsageError(what, nearest(measure, MEASURES), f"mend {where}")
        if bound.width > 1 and not measure.endswith("_per_s"):
            what = f"{where}: limits.{measure}: width {bound.width} says nothing about it"
            raise UsageError(what, "a width with prompt_tokens_per_s or generated_tokens_per_s only", f"mend {where}")


def _names_of_references(policy: Policy, place: str, wanted: SuitePolicy) -> None:
    named = {**policy.references, "reference": policy.reference, "previous": policy.previous}
    there = [name for name, reference in named.items() if reference is not None]
    for to in _ruled(wanted):
        if to in there:
            continue
        if to == "reference":
            what = f"{place}: its rules compare with the reference, and there is none"
            raise UsageError(what, "`reference: {run: NAME}` in the policy", "type: harness gate ... --baseline NAME")
        raise UsageError(f"{place}: `to: {to}` names no reference", nearest(to, there), "name it under `references:`")
    pinned = [r for r in (policy.reference, policy.previous) if r is not None and r.run]
    if not pinned and not _ruled(wanted) and not _by_itself(wanted):
        what = f"{place}: promises nothing: it has no rule, and there is no reference to fall behind"
        raise UsageError(what, "a rule (absolute, relative, non_inferiority, calibration)", "or type: --baseline NAME")


def _ruled(wanted: SuitePolicy) -> list[str]:
    return [rule.to for rule in (wanted.relative, wanted.non_inferiority) if rule is not None]


def _by_itself(wanted: SuitePolicy) -> bool:
    """Return whether a suite promises something that takes no reference: a new suite may be without one."""
    return wanted.absolute is not None or wanted.calibration is not None


def _stored_suites(database: Database, run_id: str | None) -> dict[str, dict[str, Any]]:
    return {} if run_id is None else read.run_suites(database, run_id)


def _lacks(place: str, run_id: str, name: str, known: Mapping[str, Any]) -> None:
    what = f"{place}: the run {run_id!r} has no suite {name!r}"
    raise UsageError(what, nearest(name, known), f"type: harness eval MODEL --suite {name}")


def _metric(place: str, name: str, wanted: SuitePolicy, row: Mapping[str, Any] | None) -> Metric:
    """Return the metric of a suite: as the run declares it, else as the suite does."""
    if row is not None:
        metrics = [Metric(**declared) for declared in row["metrics"]]
    else:
        try:
            metrics = list(registry.suite(name).metrics)
        except HarnessError as error:
            raise UsageError(f"{place}: {error.what}", error.expected, error.next) from error
    named = {metric.name: metric for metric in metrics}
    if wanted.metric and wanted.metric not in named:
        what = f"{place}: the suite has no metric {wanted.metric!r}"
        raise UsageError(what, nearest(wanted.metric, named), "type: harness list suites")
    return named[wanted.metric] if wanted.metric else metrics[0]


def _ranges(place: str, wanted: SuitePolicy, metric: Metric) -> None:
    width = metric.high - metric.low
    if (rule := wanted.absolute) is not None:
        key, value = ("min", rule.min) if rule.min is not None else ("max", rule.max)
        assert value is not None
        if not metric.low <= value <= metric.high:
            _outside(f"{place}.absolute.{key}", value, metric, metric.low, metric.high)
    if wanted.non_inferiority is not None and not 0.0 < wanted.non_inferiority.margin < width:
        _outside(f"{place}.non_inferiority.margin", wanted.non_inferiority.margin, metric, 0.0, width)


def _outside(key: str, value: float, metric: Metric, low: float, high: float) -> None:
    percent = f": {value / 100:g}?" if low < value / 100 < high else ""
    what = f"{key} = {value:g} lies outside what {metric.name!r} can be"
    raise UsageError(what, f"{low:g} to {high:g}{percent}", "scores are shares: 72% is 0.72")


def _reachable(place: str, wanted: SuitePolicy, metric: Metric, value: float, to: str) -> None:
    rule = wanted.relative
    up = metric.higher_is_better if wanted.direction == "declared" else wanted.direction == "higher_is_better"
    if rule is None or rule.to != to or not up or rule.min_ratio * value <= metric.high:
        return
    asked = f"{rule.min_ratio:g} of {value:g} is {rule.min_ratio * value:.4g}"
    what = f"{place}.relative: {asked}, and {metric.name!r} ends at {metric.high:g}"
    raise UsageError(what, f"min_ratio up to {metric.high / value:.4g}", "mend it: no model could pass")


def _tag(
    place: str, name: str, wanted: SuitePolicy, database: Database, candidate: str | None, data_folder: str | None
) -> None:
    """Raise UsageError for a cluster tag that the suite's samples do not carry."""
    if not wanted.cluster:
        return
    if candidate is not None:
        stored = stored_name(name, _stored_suites(database, candidate))
        found = read.query(
            database,
            "SELECT DISTINCT unnest(map_keys(s.tags)) AS tag FROM records r"
            " JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest WHERE r.run_id = ? AND r.suite = ?",
            [candidate, stored],
        )
        tags = [str(row["tag"]) for row in found]
    else:
        first = next(iter(registry.suite(name).samples(data.folder(data_folder))), None)
        tags = list(first.tags) if first is not None else []
    if wanted.cluster not in tags:
        what = f"{place}: its samples have no tag {wanted.cluster!r} to cluster by"
        raise UsageError(what, nearest(wanted.cluster, tags), f"mend {place.partition(':')[0]}")
