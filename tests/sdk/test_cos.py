"""COS's own interface, judged by Tencent's own SDK: another signature on the same hosts."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client, CosServiceError
from qcloud_cos.cos_exception import CosClientError
from requests.structures import CaseInsensitiveDict

from conftest import Serve, StoreBook

BUCKET = "vitrine-local-1250000000"
PICTURE = b"\x89PNG\r\n\x1a\n1234567890"


@pytest.fixture
def book(serve: Serve) -> StoreBook:
    return serve.store_book("cos")


def client(serve: Serve, role: str = "owner", keys: tuple[str, str] | None = None) -> CosS3Client:
    id, secret = keys or serve.keys(f"cos-{role}")
    config = CosConfig(
        Region="na-siliconvalley",
        SecretId=id,
        SecretKey=secret,
        Scheme="http",
        Endpoint=f"cos.localhost:{serve.stores_port}",
        Timeout=10,
    )
    return CosS3Client(config, retry=0)


def told(headers: dict[str, Any]) -> CaseInsensitiveDict[Any]:
    """The SDK hands headers over in a plain dict, in the letters of the wire. COS writes `ETag`, our server `etag`."""
    return CaseInsensitiveDict(headers)


def code(refused: pytest.ExceptionInfo[CosServiceError]) -> tuple[int, str]:
    return refused.value.get_status_code(), refused.value.get_error_code()


def test_an_object_is_put_read_and_deleted(serve: Serve, book: StoreBook) -> None:
    cos, key = client(serve), "own/probe 产品+1%2.png"
    put = told(
        cos.put_object(
            Bucket=BUCKET,
            Key=key,
            Body=PICTURE,
            ContentType="image/png",
            EnableMD5=True,
            Metadata={"x-cos-meta-kind": "probe"},
        )
    )
    assert put["ETag"].strip('"') == hashlib.md5(PICTURE).hexdigest()
    got = told(cos.get_object(Bucket=BUCKET, Key=key))
    assert got["Body"].get_raw_stream().read() == PICTURE
    assert (got["Content-Type"], got["x-cos-meta-kind"], got["ETag"]) == ("image/png", "probe", put["ETag"])
    assert got["Content-Disposition"] == "attachment"
    assert got["x-cos-force-download"] == "true"
    head = told(cos.head_object(Bucket=BUCKET, Key=key))
    assert (head["Content-Length"], head["x-cos-meta-kind"]) == (str(len(PICTURE)), "probe")
    assert head["x-cos-request-id"]
    part = cos.get_object(Bucket=BUCKET, Key=key, Range="bytes=1-3")
    assert part["Body"].get_raw_stream().read() == b"PNG"
    for _ in range(2):
        cos.delete_object(Bucket=BUCKET, Key=key)
    assert not cos.object_exists(Bucket=BUCKET, Key=key)
    assert [(seen["operation"], seen["status"]) for seen in book.seen] == [
        ("PutObject", 200),
        ("GetObject", 200),
        ("HeadObject", 200),
        ("GetObject", 206),
        ("DeleteObject", 204),
        ("DeleteObject", 204),
        ("HeadObject", 404),
    ]
    assert {seen["role"] for seen in book.seen} == {"/vitrine/local/cos-owner"}


def test_what_is_put_through_one_interface_is_read_through_the_other(serve: Serve) -> None:
    client(serve, "painter").put_object(Bucket=BUCKET, Key="own/shared", Body=PICTURE)
    link = client(serve, "reader").get_presigned_url(Bucket=BUCKET, Key="own/shared", Method="GET")
    assert requests.get(link, timeout=10).content == PICTURE


def test_a_list_comes_in_pages_and_names_survive_it(serve: Serve) -> None:
    cos = client(serve)
    keys = sorted(["own-list/a+b%20c", "own-list/d&e<f>.png", "own-list/産品 一"])
    for key in keys:
        cos.put_object(Bucket=BUCKET, Key=key, Body=PICTURE)
    first = cos.list_objects(Bucket=BUCKET, Prefix="own-list/", MaxKeys=2)
    assert (first["IsTruncated"], first["NextMarker"]) == ("true", keys[1])
    rest = cos.list_objects(Bucket=BUCKET, Prefix="own-list/", Marker=first["NextMarker"], MaxKeys=2)
    assert rest["IsTruncated"] == "false"
    assert [item["Key"] for page in (first, rest) for item in page["Contents"]] == keys
    folders = cos.list_objects(Bucket=BUCKET, Prefix="own-", Delimiter="/")
    assert "own-list/" in [folder["Prefix"] for folder in folders["CommonPrefixes"]]


def test_deleting_many_brings_its_own_content_md5(serve: Serve) -> None:
    cos, keys = client(serve), ["own-many/a", "own-many/b c"]
    for key in keys:
        cos.put_object(Bucket=BUCKET, Key=key, Body=PICTURE)
    deleted = cos.delete_objects(Bucket=BUCKET, Delete={"Object": [{"Key": key} for key in keys], "Quiet": "false"})
    assert [gone["Key"] for gone in deleted["Deleted"]] == keys
    assert "Contents" not in cos.list_objects(Bucket=BUCKET, Prefix="own-many/")


def test_a_signed_link_opens_one_object_for_a_while(own_serve: Serve) -> None:
    cos = client(own_serve)
    cos.put_object(Bucket=BUCKET, Key="own/a.png", Body=PICTURE)
    link = cos.get_presigned_url(Bucket=BUCKET, Key="own/a.png", Method="GET", Expired=600)
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
    cos = client(serve)
    rule = {"ID": "month", "Filter": {"Prefix": "img/"}, "Status": "Enabled", "Expiration": {"Days": "30"}}
    cos.put_bucket_lifecycle(Bucket=BUCKET, LifecycleConfiguration={"Rule": [rule]})
    assert cos.get_bucket_lifecycle(Bucket=BUCKET)["Rule"] == [rule]
    cos.delete_bucket_lifecycle(Bucket=BUCKET)
    with pytest.raises(CosServiceError) as gone:
        cos.get_bucket_lifecycle(Bucket=BUCKET)
    assert code(gone) == (404, "NoSuchLifecycleConfiguration")


def test_an_object_or_bucket_that_is_not_there_is_not_found(serve: Serve) -> None:
    cos = client(serve)
    with pytest.raises(CosServiceError) as absent:
        cos.get_object(Bucket=BUCKET, Key="own/never was")
    assert code(absent) == (404, "NoSuchKey")
    error = absent.value
    assert error.get_resource_location() == "/own/never was"
    assert error.get_request_id() == error.get_trace_id() != "Unknown"
    with pytest.raises(CosServiceError) as bare:
        cos.head_object(Bucket=BUCKET, Key="own/never was")
    assert bare.value.get_status_code() == 404
    assert bare.value.get_request_id()
    with pytest.raises(CosServiceError) as nowhere:
        cos.get_object(Bucket="another-1250000000", Key="a")
    assert code(nowhere) == (404, "NoSuchBucket")


def test_wrong_keys_are_told_apart(serve: Serve) -> None:
    id, secret = serve.keys("cos-reader")
    for keys, expected in [((id, "wrong"), "SignatureDoesNotMatch"), (("AKIDnobody", secret), "InvalidAccessKeyId")]:
        with pytest.raises(CosServiceError) as refused:
            client(serve, keys=keys).get_object(Bucket=BUCKET, Key="a")
        assert code(refused) == (403, expected)
    with pytest.raises(CosServiceError) as denied:
        client(serve, "reader").put_object(Bucket=BUCKET, Key="a", Body=PICTURE)
    assert code(denied) == (403, "AccessDenied")


def test_path_style_is_refused(serve: Serve) -> None:
    id, secret = serve.keys("cos-owner")
    config = CosConfig(
        Region="na-siliconvalley",
        SecretId=id,
        SecretKey=secret,
        Scheme="http",
        Timeout=10,
        Domain=f"cos.localhost:{serve.stores_port}",
    )
    with pytest.raises(CosServiceError) as refused:
        CosS3Client(config, retry=0).get_object(Bucket=BUCKET, Key=f"{BUCKET}/a")
    assert code(refused) == (403, "PathStyleDomainForbidden")


LISTED = [
    (503, "SlowDown"),
    (500, "InternalError"),
    (503, "ServiceUnavailable"),
    (403, "RequestTimeTooSkewed"),
    (451, "UnavailableForLegalReasons"),
    (400, "BadDigest"),
    (403, "DownloadForbidden"),
]


@pytest.mark.parametrize(("status", "name"), LISTED)
def test_each_listed_error_raises_the_sdks_own(serve: Serve, status: int, name: str) -> None:
    serve.store_fault("cos", operation="PutObject", fail={"status": status, "code": name})
    with pytest.raises(CosServiceError) as refused:
        client(serve).put_object(Bucket=BUCKET, Key="own/trouble", Body=PICTURE)
    assert code(refused) == (status, name)
    assert refused.value.get_resource_location() == "/own/trouble"
    assert refused.value.get_request_id() != "Unknown"


def test_a_content_md5_that_does_not_fit_is_refused(serve: Serve) -> None:
    with pytest.raises(CosServiceError) as refused:
        client(serve).put_object(Bucket=BUCKET, Key="own/md5", Body=PICTURE, ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    assert code(refused) == (400, "BadDigest")


def test_a_lost_reply_is_no_answer_and_the_object_is_there(serve: Serve) -> None:
    cos = client(serve)
    serve.store_fault("cos", operation="PutObject", lose_reply=None)
    with pytest.raises(CosClientError):
        cos.put_object(Bucket=BUCKET, Key="own/lost", Body=PICTURE)
    assert cos.get_object(Bucket=BUCKET, Key="own/lost")["Body"].get_raw_stream().read() == PICTURE
