"""DeepSeek's simulator, judged by the SDK that DeepSeek tells people to use: openai."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from conftest import Book, Serve

SYSTEM = 'Write 2 image prompts. Answer in json, like {"prompts":["..."]}.'


@pytest.fixture
def book(serve: Serve) -> Book:
    return serve.book("deepseek")


def client(serve: Serve, key: str = "sk-good-key", **settings: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, **{"base_url": serve.simulators, "max_retries": 0, "timeout": 10} | settings)


def ask(asked: openai.OpenAI, text: str = "a red mug", **other: Any) -> Any:
    request: dict[str, Any] = {
        "model": "deepseek-flash",
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
        "response_format": {"type": "json_object"},
        "max_tokens": 1024,
        "extra_body": {"thinking": {"type": "disabled"}, "user_id": "u_1"},
    }
    return asked.chat.completions.create(**request | other)


def test_prompts_come_back_as_a_completion_and_stand_in_the_book(serve: Serve, book: Book) -> None:
    completion = ask(client(serve))
    assert isinstance(completion, ChatCompletion)
    [choice] = completion.choices
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    [answered] = book.work
    assert json.loads(choice.message.content or "") == {"prompts": answered["prompts"]}
    assert "a red mug" in answered["description"]
    [request] = book.requests
    assert request["headers"]["authorization"] == "Bearer ****-key"
    assert request["body"]["user_id"] == "u_1", "it arrives beside the model, not inside anything"


def test_the_tokens_are_counted_as_the_contract_says(serve: Serve, book: Book) -> None:
    usage = ask(client(serve)).usage
    extra = usage.model_extra
    assert usage.prompt_tokens == extra["prompt_cache_hit_tokens"] + extra["prompt_cache_miss_tokens"]
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens == book.work[0]["total_tokens"]
    assert usage.prompt_tokens_details.cached_tokens == extra["prompt_cache_hit_tokens"]
    assert usage.completion_tokens_details.reasoning_tokens == 0


def test_thinking_is_on_unless_it_is_switched_off(serve: Serve) -> None:
    completion = ask(client(serve), extra_body={})
    assert completion.choices[0].message.model_extra["reasoning_content"]
    assert completion.usage.completion_tokens_details.reasoning_tokens > 0


def test_a_stream_is_the_same_answer_in_chunks(serve: Serve, book: Book) -> None:
    chunks = list(ask(client(serve), stream=True, stream_options={"include_usage": True}))
    assert all(isinstance(chunk, ChatCompletionChunk) for chunk in chunks)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    [answered] = book.work
    assert json.loads(text) == {"prompts": answered["prompts"]}
    assert len(chunks) > 3
    assert len({chunk.id for chunk in chunks}) == 1
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [answered["total_tokens"]]


def test_the_path_with_v1_is_the_same(serve: Serve, book: Book) -> None:
    ask(client(serve, base_url=f"{serve.simulators}/v1"))
    assert [request["path"] for request in book.requests] == ["/v1/chat/completions"]
    assert len(book.work) == 1


def test_a_retired_name_is_answered_by_its_successor(serve: Serve) -> None:
    assert ask(client(serve), model="deepseek-v4-flash").model == "deepseek-flash"


def test_the_models_are_listed(serve: Serve) -> None:
    assert [model.id for model in client(serve).models.list()] == ["deepseek-flash", "deepseek-v4-pro"]


def test_blank_lines_before_the_answer_do_no_harm(serve: Serve, book: Book) -> None:
    serve.fault("deepseek", keep_alive_blanks=5)
    assert json.loads(ask(client(serve)).choices[0].message.content)["prompts"] == book.work[0]["prompts"]


@pytest.mark.parametrize("reason", ["length", "content_filter", "insufficient_system_resource"])
def test_an_answer_that_ended_badly_says_why(serve: Serve, reason: str) -> None:
    serve.fault("deepseek", finish_reason=reason)
    assert ask(client(serve)).choices[0].finish_reason == reason


def test_an_answer_that_was_no_json_is_blank(serve: Serve) -> None:
    serve.fault("deepseek", blank_content=True)
    [choice] = ask(client(serve)).choices
    assert choice.message.content.isspace()
    assert choice.finish_reason == "stop"


def test_too_few_tokens_cut_the_answer_off(serve: Serve) -> None:
    [choice] = ask(client(serve), max_tokens=8).choices
    assert choice.finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.message.content)


BAD = openai.BadRequestError
REFUSALS = [
    (
        "a wrong key",
        {"key": "sk-bad-1234"},
        {},
        openai.AuthenticationError,
        401,
        "authentication_error",
        "****1234 is invalid",
    ),
    ("an unknown model", {}, {"model": "no-such-model"}, BAD, 400, "invalid_request_error", "Model Not Exist"),
    ("a retired model", {}, {"model": "deepseek-chat"}, BAD, 400, "invalid_request_error", "Model Not Exist"),
    ("moderation", {}, {"text": "FORBIDDEN"}, BAD, 400, "invalid_request_error", "Content Exists Risk"),
    (
        "no word of json",
        {},
        {"messages": [{"role": "user", "content": "a mug"}]},
        BAD,
        400,
        "invalid_request_error",
        "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'",
    ),
    (
        "a schema",
        {},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
        BAD,
        400,
        "invalid_request_error",
        "response_format",
    ),
    ("no messages", {}, {"messages": []}, BAD, 400, "invalid_request_error", "messages"),
    ("an empty purse", {}, {"text": "NOBALANCE"}, openai.APIStatusError, 402, "unknown_error", "Insufficient Balance"),
    (
        "a value out of range",
        {},
        {"temperature": 3},
        openai.UnprocessableEntityError,
        422,
        "invalid_request_error",
        "temperature",
    ),
    ("too much at once", {}, {"text": "RATELIMIT"}, openai.RateLimitError, 429, "rate_limit_error", "Rate limit"),
]


@pytest.mark.parametrize(
    ("settings", "request_", "kind", "status", "type_", "message"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_a_refusal_raises_the_sdks_own_error(
    serve: Serve,
    book: Book,
    settings: dict[str, Any],
    request_: dict[str, Any],
    kind: type[openai.APIStatusError],
    status: int,
    type_: str,
    message: str,
) -> None:
    with pytest.raises(kind) as refused:
        ask(client(serve, **settings), **request_)
    error = refused.value
    assert (error.status_code, error.type, error.param) == (status, type_, None)
    assert error.code == "invalid_request_error", "DeepSeek says so whatever the matter is"
    assert message in error.body["message"]
    assert "retry-after" not in error.response.headers, "DeepSeek documents none"
    assert book.work == []
    assert [request["status"] for request in book.requests] == [status]


@pytest.mark.parametrize("status", [500, 503])
def test_a_failure_of_the_company_raises_the_sdks_own_error(serve: Serve, book: Book, status: int) -> None:
    serve.fault("deepseek", status=status)
    with pytest.raises(openai.InternalServerError) as failed:
        ask(client(serve))
    assert failed.value.status_code == status
    assert failed.value.body["message"]
    assert book.work == []


def test_an_answer_cut_in_half_is_an_error_and_was_billed(serve: Serve, book: Book) -> None:
    serve.fault("deepseek", malformed=True)
    with pytest.raises((openai.OpenAIError, json.JSONDecodeError)):
        ask(client(serve))
    assert len(book.work) == 1


def test_a_lost_connection_is_told_from_a_late_answer(serve: Serve, book: Book) -> None:
    serve.fault("deepseek", reset=True, after_work=True)
    with pytest.raises(openai.APIConnectionError) as lost:
        ask(client(serve))
    assert not isinstance(lost.value, openai.APITimeoutError)
    assert len(book.work) == 1, "the work was done, only its answer was lost"
    serve.fault("deepseek", delay_ms=5_000)
    with pytest.raises(openai.APITimeoutError):
        ask(client(serve, timeout=0.2))


def test_the_sdk_tries_again_by_itself_and_is_answered(serve: Serve, book: Book) -> None:
    serve.fault("deepseek", status=503, headers={"retry-after-ms": "1"})
    ask(client(serve, max_retries=1))
    assert [request["status"] for request in book.requests] == [503, 200]
    assert len(book.work) == 1
