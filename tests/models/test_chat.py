"""Chat templates: rendered as transformers renders them, and hostile ones are stopped."""

from __future__ import annotations

from typing import Any

import pytest

from harness.models.chat import TemplateError, compile_template, render
from harness.types import Message, ToolCall

PLAIN = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
RICH = """{%- set ns = namespace(found=false) -%}
{%- if messages[0].role == 'system' %}
{{- '[SYS]' + messages[0].content + '[/SYS]' }}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- if tools %}
{{- tools | tojson(indent=2) }}
{%- endif %}
{%- for m in messages %}
    {%- if m.role == 'user' and ns.found %}{%- continue %}{%- endif %}
    {%- if m.tool_calls %}
        {%- for call in m.tool_calls %}
            {{- call.function.name ~ '(' ~ (call.function.arguments | tojson) ~ ')' }}
        {%- endfor %}
    {%- elif m.role == 'assistant' %}
{% generation %}{{ m.content }}{% endgeneration %}
    {%- else %}
{{- '<' ~ m.role ~ (('#' ~ m.tool_call_id) if m.tool_call_id else '') ~ '>' ~ m.content }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- eos_token ~ strftime_now('%Y')[:0] ~ 'GO' }}{%- endif %}"""
TOOLS = ({"type": "function", "function": {"name": "add", "parameters": {"é": "<&>"}}},)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
CHATS = [
    (Message("user", "Hi & <bye> é"),),
    (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Yes?"), Message("user", " go ")),
    (
        Message("user", "2+3"),
        Message("assistant", "", (ToolCall("add", {"a": 2, "b": "é"}, "c1"),)),
        Message("tool", "5", tool_call_id="c1"),
    ),
]


@pytest.mark.parametrize("template", [PLAIN, RICH])
@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("tools", [(), TOOLS])
def test_as_transformers_renders(template: str, chat: tuple[Message, ...], tools: tuple[Any, ...]) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    turns: list[dict[str, Any]] = []
    for m in chat:
        turn: dict[str, Any] = {"role": m.role, "content": m.content}
        if m.tool_calls:
            calls = [{"name": c.name, "arguments": c.arguments} for c in m.tool_calls]
            turn["tool_calls"] = [{"id": "c1", "type": "function", "function": call} for call in calls]
        if m.tool_call_id:
            turn["tool_call_id"] = m.tool_call_id
        turns.append(turn)
    expected, _ = render_jinja_template(
        [turns], tools=list(tools) or None, chat_template=template, add_generation_prompt=True, **TOKENS
    )
    assert render(template, chat, tools, TOKENS) == expected[0]


@pytest.mark.parametrize("content", ["The answer", "The answer ", "\nThe answer\n"])
def test_a_prefill_is_continued(content: str) -> None:
    text = render(PLAIN, (Message("user", "Hi"), Message("assistant", content)), (), TOKENS)
    assert text.endswith("<|im_start|>assistant\n" + content.lstrip())
    assert text.count("<|im_start|>") == 2


def test_an_empty_prefill_is_an_ordinary_turn_of_the_model() -> None:
    assert "assistant" in render(PLAIN, (Message("user", "Hi"), Message("assistant", "")), (), TOKENS)


def test_a_dropped_prefill_is_an_error() -> None:
    with pytest.raises(TemplateError, match="drops"):
        render("{{ messages[0].content }}", (Message("user", "a"), Message("assistant", "b")))


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('only user turns') }}",
        "{{ messages[0].content.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ nothing.here.at.all }}",
        "{{ 'x' * 10**12 }}",
        "{{ [0] * 99999999999 }}",
        "{{ 9 ** 99999999 }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ 'long' * 500 }}{% endfor %}{% endfor %}",
        "{% for a in range(10**9) %}x{% endfor %}",
        "{{ 1 / 0 }}",
    ],
)
def test_hostile_templates_are_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, (Message("user", "Hi"),))


@pytest.mark.parametrize("template", ["{% for %}", "{{ ", "{% nothing %}", "{% if a %}"])
def test_templates_that_do_not_parse(template: str) -> None:
    with pytest.raises(TemplateError, match="not valid"):
        compile_template(template)
