"""Requests as JSON bodies of the OpenAI protocol, and its answers as completions.

    chat_body("m", Request("generate", messages=(Message("user", "2+2?"),)))
      -> {"model": "m", "messages": [{"role": "user", "content": "2+2?"}], "max_tokens": 256, "temperature": 0.0, ..}
    {"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}], "usage": {..}}
      -> Completion(text="4", finish="eos", ..)

An answer without choices or with a wrong type is an error of the server (ValueError), not an empty text. A tool call
whose arguments are not a JSON object is the model's own mistake: its text is kept under `UNPARSED`.
"""

from __future__ import annotations

import json
from typing import Any

from harness.models.reasoning import KNOWN, Markers, finish_text, markers_in
from harness.types import Completion, Fault, Finish, Message, Request, ToolCall

UNPARSED = "__unparsed__"
"""Key of a tool call's arguments that are no JSON object."""


def chat_body(model: str, request: Request, limit_name: str, stops: tuple[str, ...]) -> dict[str, Any]:
    """Return the body for /chat/completions."""
    body: dict[str, Any] = {"model": model, "messages": [as_dict(message) for message in request.messages]}
    if request.tools:
        body["tools"] = [dict(tool) for tool in request.tools]
    if request.schema is not None:
        form = {"name": "answer", "schema": dict(request.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body | _decoding(request, limit_name, stops)


def raw_body(model: str, request: Request, stops: tuple[str, ...]) -> dict[str, Any]:
    """Return the body for /completions."""
    return {"model": model, "prompt": request.prompt} | _decoding(request, "max_tokens", stops)


def _decoding(request: Request, limit_name: str, stops: tuple[str, ...]) -> dict[str, Any]:
    body: dict[str, Any] = {limit_name: request.max_tokens, "temperature": request.temperature, "stream": False}
    if stops:
        body["stop"] = list(stops)
    if request.temperature > 0:
        body["top_p"] = request.top_p
        if request.top_k > 0:
            body["top_k"] = request.top_k  # an extension that most local servers know
    if request.seed is not None:
        body["seed"] = request.seed
    return body


def as_dict(message: Message) -> dict[str, Any]:
    """Return a message in the protocol's form: arguments of tool calls are JSON texts."""
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        found["tool_calls"] = [
            {
                "id": call.id or f"call_{place}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)},
            }
            for place, call in enumerate(message.tool_calls)
        ]
    if message.role == "tool":
        found["tool_call_id"] = message.tool_call_id
    return found


def completion(answer: Any, seconds: float, request: Request, reasoning: str, layout: str) -> Completion | Fault:
    """Return the completion of an answer of either form; `reasoning` is the setting of that name.

    Raises:
        ValueError, KeyError, TypeError, IndexError: the answer is not what the protocol says.
    """
    choice = answer["choices"][0]
    ended_by = choice.get("finish_reason")
    if ended_by == "content_filter":
        return Fault("model", "content_filter", "the server's content filter withheld the answer")
    if ended_by == "error" or answer.get("error"):
        raise ValueError(f"the server reports an error: {answer.get('error') or choice}")
    message = choice["message"] if request.messages else {"content": choice["text"]}
    text, apart = _text(message.get("content")), _text(message.get("reasoning_content") or message.get("reasoning"))
    calls = tuple(_call(call) for call in message.get("tool_calls") or ())
    finish = _finish(ended_by, choice.get("stop_reason"), request, calls)
    kept, inline, finish = finish_text(text, request.stop, markers_of(text, reasoning), finish)
    if apart and not kept and not calls and finish == "length":
        finish = "truncated"
    usage = answer.get("usage") or {}
    return Completion(
        text=kept,
        reasoning="\n".join(part for part in (apart.strip(), inline) if part),
        tool_calls=calls,
        finish=finish,
        form=request.form,
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        seconds=seconds,
        layout=layout,
    )


def markers_of(text: str, setting: str) -> Markers | None:
    """Return the reasoning markers of a served text: declared ones, or with `auto` the known pair that it shows."""
    if setting != "auto":
        return markers_in(None, setting)
    for start, end in KNOWN:
        if text.lstrip().startswith(start):
            return Markers(start, end)
        # A template that writes the opening marker itself leaves the closing one alone in the answer.
        if end in text and start not in text and start == "<think>":
            return Markers(start, end, open_in_prompt=True)
    return None


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, list):  # parts, as newer servers send them
        return "".join(str(part.get("text") or "") for part in content)
    if not isinstance(content, str):
        raise TypeError(f"content is a {type(content).__name__}")
    return content


def _call(call: Any) -> ToolCall:
    function = call["function"]
    raw = function.get("arguments")
    try:
        arguments = json.loads(raw) if isinstance(raw, str) and raw.strip() else (raw or {})
    except ValueError:
        arguments = raw
    if not isinstance(arguments, dict):
        arguments = {UNPARSED: raw}
    return ToolCall(str(function["name"]), arguments, str(call.get("id") or ""))


def _finish(ended_by: Any, stop_reason: Any, request: Request, calls: tuple[ToolCall, ...]) -> Finish:
    """Return why it ended. `stop` is said of an end token and of a stop string alike; only vLLM tells them apart."""
    if calls or ended_by in ("tool_calls", "function_call"):
        return "tool_calls"
    if ended_by == "length":
        return "length"
    return "stop" if isinstance(stop_reason, str) else "eos"
