"""Renders a chat template (Jinja) with messages and tools into the text that a model was trained to see.

Templates come with the weights, so they are hostile input: they run in jinja2's ImmutableSandboxedEnvironment with the
helpers that transformers offers (`raise_exception`, `strftime_now`, `tojson`, loop controls; its documentation:
https://huggingface.co/docs/transformers/chat_templating), and their output, their run time between two pieces of
output and the size of what `*` and `**` make are bounded. Not bounded: a template that loops without any output, or
pads a string with its methods: it can waste time and memory, and do nothing else.

    render("{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}", (Message("user", "Hi"),),
           tokens={"bos_token": "<s>"})
      -> "<s><user>Hi"

A trailing assistant message is a prefill: the text ends right after its content, without the end of turn.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.types import Message

CUT = "\ue000\ue001prefill\ue001\ue000"
"""Private-use characters after a prefill: where the rendered text is cut, whatever the template trims."""
LONGEST = 1 << 24
"""Characters of a rendered text, and of what one multiplication may make."""
LONGEST_S = 20.0


class TemplateError(ValueError):
    """The template cannot be parsed, refuses the messages (`raise_exception`), or breaks a bound."""


class _Generation(Extension):
    """`{% generation %}` marks what the assistant wrote, for training; here its body is only rendered."""

    tags = {"generation"}  # noqa: RUF012 (declared so by jinja2)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        for many, count in ((left, right), (right, left)):
            if isinstance(many, str | list | tuple | bytes) and isinstance(count, int) and len(many) * count > LONGEST:
                raise TemplateError(f"the chat template makes something of {len(many) * count} elements")
        if operator == "**" and isinstance(right, int | float) and abs(right) > 64:
            raise TemplateError(f"the chat template raises to the power of {right}")
        return super().call_binop(context, operator, left, right)


def compile_template(template: str) -> jinja2.Template:
    """Return the template, compiled.

    Raises:
        TemplateError: it is not valid.
    """
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _strftime_now
    try:
        return environment.from_string(template)
    except (jinja2.TemplateError, RecursionError, ValueError, SyntaxError) as error:
        raise TemplateError(f"the chat template is not valid: {error}") from error


def render(
    template: str | jinja2.Template,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] = (),
    tokens: Mapping[str, str] | None = None,
) -> str:
    """Return the text for a model to continue.

    Args:
        template: source, or what `compile_template` made of it.
        messages: the turns; a trailing assistant message with content is continued.
        tools: JSON-schema declarations in the OpenAI form.
        tokens: `bos_token`, `eos_token` and whatever else the template may name.

    Raises:
        TemplateError: the template is not valid or refuses these messages.
    """
    compiled = compile_template(template) if isinstance(template, str) else template
    prefill = bool(messages) and messages[-1].role == "assistant" and bool(messages[-1].content)
    turns = [_turn(message) for message in messages]
    if prefill:
        turns[-1]["content"] += CUT
    values: dict[str, Any] = {"messages": turns, "tools": [dict(tool) for tool in tools] or None, "documents": None}
    text = _run(compiled, {**values, "add_generation_prompt": not prefill, **(tokens or {})})
    if not prefill:
        return text
    if CUT not in text:
        raise TemplateError("the chat template drops the assistant message that was to be continued")
    return text[: text.rindex(CUT)].replace(CUT, "")


def _run(compiled: jinja2.Template, values: Mapping[str, Any]) -> str:
    parts: list[str] = []
    size, started = 0, time.monotonic()
    try:
        for part in compiled.generate(**values):
            parts.append(part)
            size += len(part)
            if size > LONGEST or time.monotonic() - started > LONGEST_S:
                raise TemplateError(f"the chat template does not come to an end ({size} characters so far)")
    except TemplateError:
        raise
    except Exception as error:  # a template can raise whatever Python can
        raise TemplateError(f"the chat template refuses these messages: {type(error).__name__}: {error}") from error
    return "".join(parts)


def _turn(message: Message) -> dict[str, Any]:
    """Return a message as templates expect it (the OpenAI form)."""
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # jinja2's own filter escapes HTML characters, which no model was trained on.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
