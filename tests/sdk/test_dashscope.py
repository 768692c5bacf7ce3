"""DashScope's simulator, judged by Alibaba's own SDK. The SDK raises nothing for what the company refuses: it hands the
status, code and message over in its response."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import dashscope
import pytest
import requests
from dashscope import ImageSynthesis, MultiModalConversation
from dashscope.api_entities.dashscope_response import ImageSynthesisResponse, MultiModalConversationResponse

from conftest import Book, Serve

MODEL = "qwen-image-plus"
KEY = "sk-good-key"
PNG = b"\x89PNG\r\n\x1a\n"
NEVER = "0385dc79-5ff8-4d82-bcb6-000000000000"


@pytest.fixture(autouse=True)
def _base(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{serve.simulators}/api/v1")


@pytest.fixture
def book(serve: Serve) -> Book:
    return serve.book("dashscope")


def submit(prompt: str = "a red mug", **other: Any) -> ImageSynthesisResponse:
    order = {"model": MODEL, "n": 1, "size": "1328*1328", "prompt_extend": False, "watermark": False, "api_key": KEY}
    return ImageSynthesis.async_call(prompt=prompt, **order | other)


def fetch(task: Any, key: str = KEY) -> ImageSynthesisResponse:
    return ImageSynthesis.fetch(task, api_key=key)


def generate(prompt: str = "a red mug", content: Any = None, **other: Any) -> MultiModalConversationResponse:
    messages = [{"role": "user", "content": content if content is not None else [{"text": prompt}]}]
    order = {"model": MODEL, "size": "1328*1328", "prompt_extend": False, "watermark": False, "api_key": KEY}
    return MultiModalConversation.call(messages=messages, **order | other)


def test_a_task_is_handed_in_painted_and_billed_once(serve: Serve, book: Book) -> None:
    handed_in = submit(negative_prompt="blurry")
    assert isinstance(handed_in, ImageSynthesisResponse)
    assert (handed_in.status_code, handed_in.output.task_status) == (HTTPStatus.OK, "PENDING")
    done = ImageSynthesis.wait(handed_in, api_key=KEY)
    assert (done.status_code, done.output.task_status) == (HTTPStatus.OK, "SUCCEEDED")
    assert done.output.task_id == handed_in.output.task_id
    assert done.request_id
    assert done.request_id != handed_in.request_id
    assert done.usage.image_count == 1
    [result] = done.output.results
    assert result.orig_prompt == "a red mug"
    assert "actual_prompt" not in result
    picture = requests.get(result.url, timeout=20)
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(PNG)
    fetch(handed_in)
    [painting] = book.work
    assert (painting["task"], painting["size"]) == (handed_in.output.task_id, "1328*1328")
    assert book.requests[0]["headers"]["x-dashscope-async"] == "enable"
    assert book.requests[0]["body"]["input"]["negative_prompt"] == "blurry"


def test_a_prompt_that_was_extended_is_told(serve: Serve) -> None:
    [result] = fetch(submit(prompt_extend=True)).output.results
    assert result.actual_prompt.startswith("a red mug")
    assert result.actual_prompt != result.orig_prompt


def test_a_prompt_is_cut_at_800_characters_and_nobody_is_told(serve: Serve, book: Book) -> None:
    assert fetch(submit("x" * 900)).output.task_status == "SUCCEEDED"
    assert [painting["prompt"] for painting in book.work] == ["x" * 800]


def test_times_are_written_as_chinas(serve: Serve) -> None:
    output = fetch(submit()).output
    for name in ("submit_time", "scheduled_time", "end_time"):
        assert len(output[name]) == len("2025-09-05 11:33:20.542")


def test_a_task_goes_from_pending_over_running_to_its_end(own_serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{own_serve.simulators}/api/v1")
    book = own_serve.book("dashscope")
    own_serve.fault("dashscope", task_s=40)
    task = submit()
    assert fetch(task).output.task_status == "PENDING"
    own_serve.advance("10s")
    assert fetch(task).output.task_status == "RUNNING"
    assert book.work == []
    own_serve.advance("30s")
    done = fetch(task)
    assert done.output.task_status == "SUCCEEDED"
    assert len(book.work) == 1
    own_serve.advance("24h")
    assert fetch(task).output.task_status == "UNKNOWN", "a task is remembered for a day"
    assert requests.get(done.output.results[0].url, timeout=20).status_code == 403, "and its picture no longer"


def test_a_task_that_waits_can_be_cancelled_and_no_other(own_serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{own_serve.simulators}/api/v1")
    book = own_serve.book("dashscope")
    own_serve.fault("dashscope", task_s=40)
    task = submit()
    assert ImageSynthesis.cancel(task, api_key=KEY).status_code == HTTPStatus.OK
    cancelled = fetch(task)
    assert (cancelled.status_code, cancelled.output.task_status) == (HTTPStatus.OK, "CANCELED")
    own_serve.advance("1m")
    assert book.work == [], "what was cancelled is not billed"
    done = submit()
    fetch(done)
    late = ImageSynthesis.cancel(done, api_key=KEY)
    assert late.status_code == HTTPStatus.BAD_REQUEST
    assert late.code == "UnsupportedOperation"


@pytest.mark.parametrize("status", ["UNKNOWN", "CANCELED", "PENDING", "RUNNING", "SUSPENDED"])
def test_whatever_a_task_comes_to_stands_inside_a_200(serve: Serve, book: Book, status: str) -> None:
    serve.fault("dashscope", task_status=status)
    seen = fetch(submit())
    assert (seen.status_code, seen.output.task_status) == (HTTPStatus.OK, status)
    assert not seen.output.results
    assert book.work == []


@pytest.mark.parametrize(
    "code", ["InternalError", "InvalidParameter", "IPInfringementSuspect", "InternalError.Timeout"]
)
def test_a_failed_task_says_why_inside_a_200(serve: Serve, book: Book, code: str) -> None:
    serve.fault("dashscope", task_status="FAILED", error=code)
    failed = ImageSynthesis.wait(submit(), api_key=KEY)
    assert (failed.status_code, failed.output.task_status) == (HTTPStatus.OK, "FAILED")
    assert failed.output["code"] == code
    assert failed.output["message"]
    assert failed.output["end_time"]
    assert book.work == []


def test_moderation_fails_the_task(serve: Serve, book: Book) -> None:
    failed = fetch(submit("FORBIDDEN"))
    assert (failed.output.task_status, failed.output["code"]) == ("FAILED", "DataInspectionFailed")
    assert "inappropriate content" in failed.output["message"]
    assert book.work == []


def test_a_task_that_never_was_is_unknown_inside_a_200(serve: Serve) -> None:
    seen = fetch(NEVER)
    assert (seen.status_code, seen.output.task_status, seen.output.task_id) == (HTTPStatus.OK, "UNKNOWN", NEVER)


def test_a_picture_on_the_spot_comes_in_a_conversation(serve: Serve, book: Book) -> None:
    answered = generate(negative_prompt="blurry", seed=7, result_format="message")
    assert isinstance(answered, MultiModalConversationResponse)
    [choice] = answered.output.choices
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    assert requests.get(choice.message.content[0]["image"], timeout=20).content.startswith(PNG)
    assert (answered.usage.width, answered.usage.height, answered.usage.image_count) == (1328, 1328, 1)
    assert answered.output.task_metric == {"TOTAL": 1, "FAILED": 0, "SUCCEEDED": 1}
    [painting] = book.work
    assert painting["task"] is None
    assert book.requests[0]["body"]["parameters"]["result_format"] == "message", "unknown here, and it does no harm"


REFUSALS = [
    ("a wrong key", submit, {"api_key": "sk-bad-key"}, 401, "InvalidApiKey", "Invalid API-key provided."),
    ("a wrong key on the spot", generate, {"api_key": "sk-bad-key"}, 401, "InvalidApiKey", "Invalid API-key provided."),
    ("an unknown model", submit, {"model": "no-such-model"}, 404, "ModelNotFound", "Model"),
    ("two pictures", submit, {"n": 2}, 400, "InvalidParameter", "num_images_per_prompt must be 1"),
    ("a size that is not painted", submit, {"size": "1024*1024"}, 400, "InvalidParameter", "size"),
    ("a size with an x", submit, {"size": "1328x1328"}, 400, "InvalidParameter", "size"),
    ("a seed out of range", submit, {"seed": 2**31}, 400, "InvalidParameter", "seed"),
    ("two texts", generate, {"content": [{"text": "a"}, {"text": "b"}]}, 400, "InvalidParameter", "text"),
    ("moderation on the spot", generate, {"prompt": "FORBIDDEN"}, 400, "DataInspectionFailed", "inappropriate content"),
    ("too many at once", submit, {"prompt": "RATELIMIT"}, 429, "Throttling.RateQuota", "rate limit"),
    ("too many on the spot", generate, {"prompt": "RATELIMIT"}, 429, "Throttling.RateQuota", "rate limit"),
]


@pytest.mark.parametrize(
    ("call", "order", "status", "code", "message"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_a_refusal_is_read_by_the_sdk(
    serve: Serve, book: Book, call: Any, order: dict[str, Any], status: int, code: str, message: str
) -> None:
    refused = call(**order)
    assert (refused.status_code, refused.code) == (status, code)
    assert message in refused.message
    assert refused.request_id == refused.headers["x-request-id"]
    assert refused.output is None
    assert book.work == []


LISTED = {
    400: [
        "BadRequest.EmptyInput",
        "BadRequest.EmptyModel",
        "BadRequest.EmptyParameters",
        "IPInfringementSuspect",
        "FaqRuleBlocked",
        "CustomRoleBlocked",
        "Arrearage",
    ],
    403: ["AccessDenied", "Model.AccessDenied", "Workspace.AccessDenied", "AccessDenied.Unpurchased"],
    404: ["WorkSpaceNotFound"],
    408: ["RequestTimeOut"],
    429: [
        "Throttling",
        "Throttling.BurstRate",
        "LimitRequests",
        "Throttling.AllocationQuota",
        "PrepaidBillOverdue",
        "PostpaidBillOverdue",
        "CommodityNotPurchased",
    ],
    500: ["InternalError", "InternalError.Algo", "InternalError.Timeout", "SystemError", "RewriteFailed"],
    503: ["ModelUnavailable", "ModelServingError"],
}


@pytest.mark.parametrize(("status", "code"), [(status, code) for status, codes in LISTED.items() for code in codes])
def test_each_listed_error_is_read_by_the_sdk(serve: Serve, book: Book, status: int, code: str) -> None:
    for call in (submit, generate):
        serve.fault("dashscope", error=code)
        refused = call()
        assert (refused.status_code, refused.code) == (status, code)
        assert refused.message
        assert refused.request_id
    assert book.work == []


def test_looking_too_often_is_refused(own_serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{own_serve.simulators}/api/v1")
    task = submit()
    own_serve.limits(dashscope_looks_per_second=0)
    seen = fetch(task)
    assert (seen.status_code, seen.code) == (429, "Throttling.RateQuota")


def test_without_its_header_a_task_is_refused_as_a_synchronous_call(serve: Serve) -> None:
    # The SDK always sends the header, so this one is asked for by hand.
    path = f"{serve.simulators}/api/v1/services/aigc/text2image/image-synthesis"
    order = {"model": MODEL, "input": {"prompt": "a red mug"}}
    refused = requests.post(path, json=order, headers={"authorization": f"Bearer {KEY}"}, timeout=20)
    assert (refused.status_code, refused.json()["code"]) == (403, "AccessDenied")
    assert "does not support synchronous calls" in refused.json()["message"]


def test_a_lost_answer_to_a_task_leaves_it_running_and_billed(serve: Serve, book: Book) -> None:
    serve.fault("dashscope", next=2, reset=True, after_work=True)
    with pytest.raises(requests.ConnectionError):
        submit()
    # The SDK sends a lost request once more, so it is painted twice: why our own client does not.
    assert len(book.requests) == len(book.work) == 2
