"""OSS's own interface, judged by Alibaba's own SDK: another signature on the same hosts."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss
import pytest
import requests
from alibabacloud_oss_v2.exceptions import OperationError, RequestError, ResponseError, ServiceError
from alibabacloud_oss_v2.retry import NopRetryer

from conftest import Serve, StoreBook

BUCKET = "vitrine-local"
REGION = "us-west-1"
PICTURE = b"\x89PNG\r\n\x1a\n1234567890"


@pytest.fixture
def book(serve: Serve) -> StoreBook:
    return serve.store_book("oss")


def client(serve: Serve, role: str = "owner", keys: tuple[str, str] | None = None, **settings: Any) -> oss.Client:
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(*(keys or serve.keys(f"oss-{role}")))
    config.region, config.endpoint = REGION, f"http://oss.localhost:{serve.stores_port}"
    config.retryer = NopRetryer()
    for name, value in settings.items():
        setattr(config, name, value)
    return oss.Client(config)


def refusal(call: Callable[[], Any]) -> ServiceError:
    with pytest.raises(OperationError) as refused:
        call()
    error = refused.value.unwrap()
    assert isinstance(error, ServiceError), error
    return error


def put(asked: oss.Client, key: str, **other: Any) -> oss.PutObjectResult:
    return asked.put_object(oss.PutObjectRequest(bucket=BUCKET, key=key, body=PICTURE, **other))


def get(asked: oss.Client, key: str, bucket: str = BUCKET, **other: Any) -> oss.GetObjectResult:
    return asked.get_object(oss.GetObjectRequest(bucket=bucket, key=key, **other))


def test_an_object_is_put_read_and_deleted(serve: Serve, book: StoreBook) -> None:
    asked, key = client(serve), "own/probe 产品+1%2.png"
    done = put(asked, key, content_type="image/png", metadata={"kind": "probe"})
    assert done.status_code == 200
    assert done.request_id
    assert done.etag.strip('"') == hashlib.md5(PICTURE).hexdigest().upper()
    got = get(asked, key)
    assert got.body.read() == PICTURE
    assert (got.content_type, got.metadata["kind"], got.etag) == ("image/png", "probe", done.etag)
    assert got.content_disposition == "attachment"
    assert got.headers["x-oss-force-download"] == "true"
    head = asked.head_object(oss.HeadObjectRequest(bucket=BUCKET, key=key))
    assert (head.content_length, head.etag) == (len(PICTURE), done.etag)
    part = get(asked, key, range_header="bytes=1-3", range_behavior="standard")
    assert (part.status_code, part.body.read()) == (206, b"PNG")
    for _ in range(2):
        assert asked.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key=key)).status_code == 204
    assert not asked.is_object_exist(BUCKET, key)
    assert [(seen["operation"], seen["status"]) for seen in book.seen][:6] == [
        ("PutObject", 200),
        ("GetObject", 200),
        ("HeadObject", 200),
        ("GetObject", 206),
        ("DeleteObject", 204),
        ("DeleteObject", 204),
    ]
    assert {seen["role"] for seen in book.seen} == {"/vitrine/local/oss-owner"}


def test_what_is_put_through_one_interface_is_read_through_the_other(serve: Serve) -> None:
    put(client(serve, "painter"), "own/shared")
    link = client(serve, "reader").presign(oss.GetObjectRequest(bucket=BUCKET, key="own/shared")).url
    assert requests.get(link, timeout=10).content == PICTURE


def test_a_list_comes_in_pages_and_names_survive_it(serve: Serve) -> None:
    asked = client(serve)
    keys = sorted(["own-list/a+b%20c", "own-list/d&e<f>.png", "own-list/産品 一"])
    for key in keys:
        put(asked, key)
    pages = list(
        asked.list_objects_v2_paginator().iter_page(
            oss.ListObjectsV2Request(bucket=BUCKET, prefix="own-list/", max_keys=2)
        )
    )
    assert [[item.key for item in page.contents] for page in pages] == [keys[:2], keys[2:]]
    old = list(
        asked.list_objects_paginator().iter_page(oss.ListObjectsRequest(bucket=BUCKET, prefix="own-list/", max_keys=2))
    )
    assert [[item.key for item in page.contents] for page in old] == [keys[:2], keys[2:]]
    folders = asked.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET, prefix="own-", delimiter="/"))
    assert "own-list/" in [folder.prefix for folder in folders.common_prefixes]


def test_deleting_many_brings_its_own_content_md5(serve: Serve) -> None:
    asked, keys = client(serve), ["own-many/a", "own-many/b c"]
    for key in keys:
        put(asked, key)
    objects = [oss.DeleteObject(key=key) for key in keys]
    deleted = asked.delete_multiple_objects(oss.DeleteMultipleObjectsRequest(bucket=BUCKET, objects=objects))
    assert [gone.key for gone in deleted.deleted_objects] == keys
    assert not asked.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET, prefix="own-many/")).contents


def test_a_signed_link_opens_one_object_for_a_while(own_serve: Serve) -> None:
    asked = client(own_serve)
    put(asked, "own/a.png")
    link = asked.presign(
        oss.GetObjectRequest(bucket=BUCKET, key="own/a.png"), expires=datetime.timedelta(minutes=10)
    ).url
    assert requests.get(link, timeout=10).content == PICTURE
    forged = requests.get(link.replace("a.png", "b.png"), timeout=10)
    assert forged.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in forged.text
    assert requests.delete(link, timeout=10).status_code == 403
    own_serve.advance("10m 5s")
    expired = requests.get(link, timeout=10)
    assert expired.status_code == 403
    assert "<Code>AccessDenied</Code>" in expired.text
    assert "expired" in expired.text


def test_lifecycle_rules_are_put_read_and_deleted(serve: Serve) -> None:
    asked = client(serve)
    rule = oss.LifecycleRule(
        id="month", prefix="img/", status="Enabled", expiration=oss.LifecycleRuleExpiration(days=30)
    )
    rules = oss.LifecycleConfiguration(rules=[rule])
    asked.put_bucket_lifecycle(oss.PutBucketLifecycleRequest(bucket=BUCKET, lifecycle_configuration=rules))
    [kept] = asked.get_bucket_lifecycle(oss.GetBucketLifecycleRequest(bucket=BUCKET)).lifecycle_configuration.rules
    assert (kept.id, kept.prefix, kept.status, kept.expiration.days) == ("month", "img/", "Enabled", 30)
    asked.delete_bucket_lifecycle(oss.DeleteBucketLifecycleRequest(bucket=BUCKET))
    gone = refusal(lambda: asked.get_bucket_lifecycle(oss.GetBucketLifecycleRequest(bucket=BUCKET)))
    assert (gone.status_code, gone.code) == (404, "NoSuchLifecycle")


def test_an_object_or_bucket_that_is_not_there_is_not_found(serve: Serve) -> None:
    asked = client(serve)
    absent = refusal(lambda: get(asked, "own/never was"))
    assert (absent.status_code, absent.code) == (404, "NoSuchKey")
    assert absent.message
    assert absent.request_id == absent.headers["x-oss-request-id"]
    assert absent.ec == absent.headers["x-oss-ec"]
    bare = refusal(lambda: asked.head_object(oss.HeadObjectRequest(bucket=BUCKET, key="own/never was")))
    assert (bare.status_code, bare.code) == (404, "NoSuchKey"), "OSS says it in a header when there is no body"
    nowhere = refusal(lambda: get(asked, "a", bucket="another-bucket"))
    assert (nowhere.status_code, nowhere.code) == (404, "NoSuchBucket")


def test_wrong_keys_are_told_apart(serve: Serve) -> None:
    id, secret = serve.keys("oss-reader")
    for keys, expected in [((id, "wrong"), "SignatureDoesNotMatch"), (("LTAInobody", secret), "InvalidAccessKeyId")]:
        stranger = client(serve, keys=keys)
        refused = refusal(lambda asked=stranger: get(asked, "a"))
        assert (refused.status_code, refused.code) == (403, expected)
    denied = refusal(lambda: put(client(serve, "reader"), "a"))
    assert (denied.status_code, denied.code) == (403, "AccessDenied")
    abroad = refusal(lambda: get(client(serve, region="cn-hangzhou"), "a"))
    assert (abroad.status_code, abroad.code) == (403, "SignatureDoesNotMatch")


def test_path_style_is_refused(serve: Serve) -> None:
    refused = refusal(lambda: get(client(serve, use_path_style=True), "a"))
    assert (refused.status_code, refused.code) == (403, "SecondLevelDomainForbidden")


LISTED = [
    (503, "ServiceUnavailable"),
    (500, "InternalError"),
    (403, "RequestTimeTooSkewed"),
    (400, "PublicEndpointForbidden"),
    (403, "UserDisable"),
    (503, "UploadTrafficRateLimitExceeded"),
    (503, "QpsLimitExceeded"),
]


@pytest.mark.parametrize(("status", "name"), LISTED)
def test_each_listed_error_raises_the_sdks_own(serve: Serve, status: int, name: str) -> None:
    serve.store_fault("oss", operation="PutObject", fail={"status": status, "code": name})
    refused = refusal(lambda: put(client(serve), "own/trouble"))
    assert (refused.status_code, refused.code) == (status, name)
    assert refused.request_id
    assert refused.ec
    if name == "PublicEndpointForbidden":
        assert refused.ec == "0048-00000401"


def test_a_content_md5_that_does_not_fit_is_refused(serve: Serve) -> None:
    refused = refusal(lambda: put(client(serve), "own/md5", content_md5="1B2M2Y8AsgTpgAmY7PhCfg=="))
    assert (refused.status_code, refused.code) == (400, "InvalidDigest")


def test_a_lost_reply_is_no_answer_and_the_object_is_there(serve: Serve) -> None:
    asked = client(serve)
    serve.store_fault("oss", operation="PutObject", lose_reply=None)
    with pytest.raises(OperationError) as lost:
        put(asked, "own/lost")
    assert isinstance(lost.value.unwrap(), (RequestError, ResponseError))
    assert get(asked, "own/lost").body.read() == PICTURE
