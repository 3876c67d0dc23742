"""Signatures: closed lists, exact classes."""

from __future__ import annotations

from harness.failures.case import Diagnosis
from harness.failures.diagnosis.signature import VALUES, checked, plain_class, signature_class


def test_only_values_of_the_closed_lists_pass() -> None:
    found = checked({"mode": "wrong_answer", "exception": "ZorviaError", "finish": "", "is_sign": "yes", "topic": "x"})
    assert found == {"mode": "wrong_answer", "is_sign": "yes"}


def test_features_stand_in_one_order_the_mode_first() -> None:
    shuffled = {"family": "number", "is_sign": "yes", "relation": "sign", "mode": "wrong_answer"}
    assert list(checked(shuffled)) == ["mode", "relation", "family", "is_sign"]


def test_classes() -> None:
    one = Diagnosis("..", {"mode": "wrong_answer", "relation": "sign", "finish": "stop", "expected": "number"})
    other = Diagnosis("..", {"mode": "runtime_error", "exception": "KeyError"})
    assert (signature_class(one), plain_class(one)) == ("wrong_answer/sign", "wrong_answer/stop/number")
    assert signature_class(other) == plain_class(other) == "runtime_error/KeyError"
    assert signature_class(Diagnosis("")) == ""


def test_values_are_short_and_different() -> None:
    for name, values in VALUES.items():
        assert len(set(values)) == len(values) > 0, name
        assert all(0 < len(value) <= 40 for value in values), name
