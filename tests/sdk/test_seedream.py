"""Seedream's simulator, judged by the SDK of Volcano Engine's Ark."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
from volcenginesdkarkruntime import Ark
from volcenginesdkarkruntime import _exceptions as ark
from volcenginesdkarkruntime.types.images import ImagesResponse, SequentialImageGenerationOptions

from conftest import Book, Serve

LITE = "doubao-seedream-5-0-260128"
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def book(serve: Serve) -> Book:
    return serve.book("seedream")


def client(serve: Serve, key: str = "good-key", base: str = "/api/v3", **settings: Any) -> Ark:
    return Ark(api_key=key, base_url=serve.simulators + base, **{"max_retries": 0, "timeout": 20} | settings)


def paint(painter: Ark, prompt: str = "a red mug on marble", **other: Any) -> Any:
    request = {"model": LITE, "prompt": prompt, "size": "2048x2048", "response_format": "url", "watermark": False}
    return painter.images.generate(**request | other)


def test_a_picture_is_billed_once_and_lies_behind_its_link(serve: Serve, book: Book) -> None:
    painted = paint(client(serve))
    assert isinstance(painted, ImagesResponse)
    [image] = painted.data
    assert (image.size, painted.model) == ("2048x2048", LITE)
    assert painted.usage.generated_images == 1
    assert painted.usage.output_tokens == painted.usage.total_tokens == 2048 * 2048 // 256
    [billed] = book.work
    assert (billed["images"], billed["size"], billed["watermark"]) == (1, "2048x2048", False)
    assert billed["prompt"] == "a red mug on marble"
    picture = requests.get(image.url, timeout=20)
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(JPEG)


def test_what_the_sdk_leaves_open_it_sends_as_null_and_that_is_absent(serve: Serve, book: Book) -> None:
    paint(client(serve))
    [request] = book.requests
    assert request["body"]["seed"] is None
    assert request["body"]["guidance_scale"] is None
    assert request["status"] == 200


def test_a_picture_comes_in_the_answer_if_asked_for(serve: Serve) -> None:
    [image] = paint(client(serve), response_format="b64_json", output_format="png").data
    assert base64.b64decode(image.b64_json).startswith(PNG)


def test_a_group_has_as_many_pictures_as_its_prompt_asks_for(serve: Serve, book: Book) -> None:
    painted = paint(
        client(serve),
        "a group of 3 mugs",
        sequential_image_generation="auto",
        sequential_image_generation_options=SequentialImageGenerationOptions(max_images=4),
    )
    assert len({image.url for image in painted.data}) == painted.usage.generated_images == 3
    assert [billed["images"] for billed in book.work] == [3]


def test_a_stream_tells_of_each_picture_and_then_of_the_bill(serve: Serve, book: Book) -> None:
    events = list(paint(client(serve), stream=True))
    assert [event.type for event in events] == ["image_generation.partial_succeeded", "image_generation.completed"]
    assert events[0].url.startswith(serve.simulators)
    assert events[0].image_index == 0
    # The SDK takes every event for one about a picture, and so leaves the bill as it came.
    assert events[1].usage["generated_images"] == 1
    assert len(book.work) == 1


def test_the_pro_model_names_the_format_it_painted(serve: Serve) -> None:
    painted = paint(client(serve), model="doubao-seedream-5-0-pro-260628", size="1K")
    assert painted.data[0].output_format == "jpeg"
    assert painted.usage.input_images == 0


def test_a_link_dies_after_a_day(own_serve: Serve) -> None:
    url = paint(client(own_serve)).data[0].url
    own_serve.advance("23h 59m")
    assert requests.get(url, timeout=20).status_code == 200
    own_serve.advance("1m")
    dead = requests.get(url, timeout=20)
    assert (dead.status_code, dead.json()["Code"]) == (403, "AccessDenied")


BAD = ark.ArkBadRequestError
PROVOKED = [
    ("a wrong key", {"key": "bad-key"}, {}, ark.ArkAuthenticationError, 401, "AuthenticationError", "Unauthorized", ""),
    (
        "a key of the other plan",
        {"base": "/api/plan/v3"},
        {},
        ark.ArkAuthenticationError,
        401,
        "AuthenticationError",
        "Unauthorized",
        "",
    ),
    (
        "an unknown model",
        {},
        {"model": "no-such-model"},
        ark.ArkNotFoundError,
        404,
        "InvalidEndpointOrModel.NotFound",
        "NotFound",
        "",
    ),
    ("no prompt", {}, {"prompt": None}, BAD, 400, "MissingParameter", "BadRequest", "prompt"),
    ("too few pixels", {}, {"size": "1024x1024"}, BAD, 400, "InvalidParameter", "BadRequest", "size"),
    ("the free probe", {}, {"size": "1x1"}, BAD, 400, "InvalidParameter", "BadRequest", "size"),
    (
        "a format that is none",
        {},
        {"output_format": "webp"},
        BAD,
        400,
        "InvalidParameter",
        "BadRequest",
        "output_format",
    ),
    ("a field of an older model", {}, {"seed": 7}, BAD, 400, "InvalidParameter", "BadRequest", "seed"),
    ("moderation", {}, {"prompt": "FORBIDDEN"}, BAD, 400, "InputTextSensitiveContentDetected", "BadRequest", "prompt"),
    (
        "too many pictures a minute",
        {},
        {"prompt": "RATELIMIT"},
        ark.ArkRateLimitError,
        429,
        "ModelAccountIpmRateLimitExceeded",
        "TooManyRequests",
        "",
    ),
]


def check(error: ark.ArkAPIStatusError, status: int, code: str, type_: str, param: str) -> None:
    assert (error.status_code, error.code, error.type, error.param) == (status, code, type_, param)
    said = error.body["message"].rpartition("Request id: ")[2]
    assert said.startswith("021")
    assert said == error.response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("settings", "request_", "kind", "status", "code", "type_", "param"),
    [row[1:] for row in PROVOKED],
    ids=[row[0] for row in PROVOKED],
)
def test_a_refusal_raises_the_sdks_own_error(
    serve: Serve,
    book: Book,
    settings: dict[str, Any],
    request_: dict[str, Any],
    kind: type[ark.ArkAPIStatusError],
    status: int,
    code: str,
    type_: str,
    param: str,
) -> None:
    with pytest.raises(kind) as refused:
        paint(client(serve, **settings), **request_)
    check(refused.value, status, code, type_, param)
    assert book.work == [], "a refusal is not billed"


DENIED, MISSING, LIMITED = ark.ArkPermissionDeniedError, ark.ArkNotFoundError, ark.ArkRateLimitError
LISTED = [
    (
        BAD,
        400,
        "BadRequest",
        [
            "SensitiveContentDetected",
            "SensitiveContentDetected.Violence",
            "InputTextRiskDetection",
            "InputImageSensitiveContentDetected",
            "InputImageRiskDetection",
            "OutputImageSensitiveContentDetected",
            "OutputImageRiskDetection",
            "ContentSecurityDetectionError",
            "InvalidEndpoint.ClosedEndpoint",
        ],
    ),
    (
        DENIED,
        403,
        "Forbidden",
        ["AccountOverdueError", "OperationDenied.ServiceOverdue", "AccessDenied", "OperationDenied.ServiceNotOpen"],
    ),
    (MISSING, 404, "NotFound", ["ModelNotOpen", "UnsupportedModel", "InvalidEndpointOrModel.ModelIDAccessDisabled"]),
    (
        LIMITED,
        429,
        "TooManyRequests",
        [
            "ModelAccountRpmRateLimitExceeded",
            "AccountRateLimitExceeded",
            "RateLimitExceeded.EndpointRPMExceeded",
            "RequestBurstTooFast",
            "InflightBatchsizeExceeded",
            "ServerOverloaded",
            "QuotaExceeded",
            "SetLimitExceeded",
        ],
    ),
    (ark.ArkInternalServerError, 500, "InternalServerError", ["InternalServiceError"]),
]


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [(kind, status, type_, code) for kind, status, type_, codes in LISTED for code in codes],
)
def test_each_listed_error_raises_the_sdks_own(
    serve: Serve,
    book: Book,
    kind: type[ark.ArkAPIStatusError],
    status: int,
    type_: str,
    code: str,
) -> None:
    serve.fault("seedream", error=code)
    with pytest.raises(kind) as refused:
        paint(client(serve))
    check(refused.value, status, code, type_, "")
    assert book.work == []


def test_a_retry_after_reaches_the_caller_when_there_is_one(serve: Serve) -> None:
    serve.fault("seedream", error="ServerOverloaded", headers={"retry-after": "3"})
    with pytest.raises(LIMITED) as refused:
        paint(client(serve))
    assert refused.value.response.headers["retry-after"] == "3"


def test_an_error_can_come_inside_a_200(serve: Serve, book: Book) -> None:
    serve.fault("seedream", error_in_ok=True, error="OutputImageSensitiveContentDetected")
    answered = paint(client(serve))
    assert answered.error.code == "OutputImageSensitiveContentDetected"
    assert not getattr(answered, "data", None)
    assert book.work == []


def test_a_200_without_a_picture_bills_none(serve: Serve, book: Book) -> None:
    serve.fault("seedream", no_image=True)
    answered = paint(client(serve))
    assert (answered.data, answered.usage.generated_images) == ([], 0)
    assert book.work == []


def test_a_lost_answer_was_billed_all_the_same(serve: Serve, book: Book) -> None:
    serve.fault("seedream", reset=True, after_work=True)
    with pytest.raises(ark.ArkAPIConnectionError):
        paint(client(serve))
    assert [billed["images"] for billed in book.work] == [1]


def test_an_answer_that_is_too_late_is_a_time_out(serve: Serve) -> None:
    serve.fault("seedream", delay_ms=5_000)
    with pytest.raises(ark.ArkAPITimeoutError):
        paint(client(serve, timeout=0.2))


def test_a_link_that_leads_nowhere_is_refused_in_the_words_of_its_store(serve: Serve) -> None:
    serve.fault("seedream", dead_link=True)
    dead = requests.get(paint(client(serve)).data[0].url, timeout=20)
    assert dead.status_code == 403
    assert dead.json()["RequestId"]
