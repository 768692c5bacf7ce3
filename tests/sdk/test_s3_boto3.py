"""Both object stores as S3, judged by boto3: it is through this interface that Vitrine uses them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.httpsession import URLLib3Session

from conftest import Serve, StoreBook

PICTURE = b"\x89PNG\r\n\x1a\n1234567890"


@dataclass(frozen=True)
class Store:
    """What differs between the two."""

    name: str
    bucket: str
    region: str
    path_style: str
    chunked: str
    no_md5: str
    wrong_md5: str
    no_lifecycle: str
    request_id: str


COS = Store(
    "cos",
    "vitrine-local-1250000000",
    "na-siliconvalley",
    "PathStyleDomainForbidden",
    "NotImplemented",
    "InvalidRequest",
    "BadDigest",
    "NoSuchLifecycleConfiguration",
    "x-cos-request-id",
)
OSS = Store(
    "oss",
    "vitrine-local",
    "us-west-1",
    "SecondLevelDomainForbidden",
    "InvalidArgument",
    "MissingArgument",
    "InvalidDigest",
    "NoSuchLifecycle",
    "x-oss-request-id",
)


@pytest.fixture(params=[COS, OSS], ids=lambda store: store.name)
def store(request: pytest.FixtureRequest) -> Store:
    return request.param


@pytest.fixture
def book(serve: Serve, store: Store) -> StoreBook:
    return serve.store_book(store.name)


def client(
    serve: Serve,
    store: Store,
    role: str = "owner",
    keys: tuple[str, str] | None = None,
    scheme: str = "http",
    **settings: Any,
) -> Any:
    id, secret = keys or serve.keys(f"{store.name}-{role}")
    config = {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "virtual"},
        "retries": {"total_max_attempts": 1},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    return boto3.client(
        "s3",
        endpoint_url=f"{scheme}://{store.name}.localhost:{serve.stores_port}",
        region_name=store.region,
        aws_access_key_id=id,
        aws_secret_access_key=secret,
        config=Config(**config | settings),
    )


def code(refused: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = refused.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def over_http(request: Any, **_: Any) -> Any:
    request.url = request.url.replace("https://", "http://", 1)
    return URLLib3Session(timeout=10).send(request)


def with_md5(s3: Any, operation: str) -> None:
    """What our own client does too: the Content-MD5 that SDKs no longer send."""

    def add(request: Any, **_: Any) -> None:
        digest = hashlib.md5(request.body).digest()
        request.headers["Content-MD5"] = base64.b64encode(digest).decode()

    s3.meta.events.register(f"before-sign.s3.{operation}", add)


def test_an_object_is_put_read_and_deleted(serve: Serve, store: Store, book: StoreBook) -> None:
    s3, key = client(serve, store), "img/2026/11/22/probe 产品.png"
    put = s3.put_object(
        Bucket=store.bucket,
        Key=key,
        Body=PICTURE,
        ContentType="image/png",
        CacheControl="private",
        Metadata={"kind": "probe"},
    )
    assert put["ETag"].strip('"').lower() == hashlib.md5(PICTURE).hexdigest()
    got = s3.get_object(Bucket=store.bucket, Key=key)
    assert got["Body"].read() == PICTURE
    assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == ("image/png", "private", {"kind": "probe"})
    assert got["ETag"] == put["ETag"]
    assert got["ContentDisposition"] == "attachment", "the default domain makes browsers download"
    head = s3.head_object(Bucket=store.bucket, Key=key)
    assert (head["ContentLength"], head["ETag"]) == (len(PICTURE), put["ETag"])
    assert head["ResponseMetadata"]["HTTPHeaders"][store.request_id]
    part = s3.get_object(Bucket=store.bucket, Key=key, Range="bytes=1-3")
    assert (part["Body"].read(), part["ContentRange"]) == (b"PNG", f"bytes 1-3/{len(PICTURE)}")
    for _ in range(2):
        s3.delete_object(Bucket=store.bucket, Key=key)
    with pytest.raises(ClientError) as gone:
        s3.get_object(Bucket=store.bucket, Key=key)
    assert code(gone) == (404, "NoSuchKey")
    assert [(seen["operation"], seen["status"]) for seen in book.seen] == [
        ("PutObject", 200),
        ("GetObject", 200),
        ("HeadObject", 200),
        ("GetObject", 206),
        ("DeleteObject", 204),
        ("DeleteObject", 204),
        ("GetObject", 404),
    ]


def test_a_range_past_the_end_is_refused(serve: Serve, store: Store) -> None:
    s3 = client(serve, store)
    s3.put_object(Bucket=store.bucket, Key="range/a", Body=PICTURE)
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=store.bucket, Key="range/a", Range="bytes=100-")
    assert code(refused) == (416, "InvalidRange")


def test_a_list_comes_in_pages_and_names_survive_it(serve: Serve, store: Store) -> None:
    s3 = client(serve, store)
    keys = sorted(["list/a+b%20c", "list/d&e<f>.png", "list/産品 一", "list/sub/x", "list/sub/y"])
    for key in keys:
        s3.put_object(Bucket=store.bucket, Key=key, Body=PICTURE)
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(
            Bucket=store.bucket, Prefix="list/", PaginationConfig={"PageSize": 2}
        )
    )
    assert [[item["Key"] for item in page["Contents"]] for page in pages] == [keys[:2], keys[2:4], keys[4:]]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert all(item["Size"] == len(PICTURE) for page in pages for item in page["Contents"])
    folders = s3.list_objects_v2(Bucket=store.bucket, Prefix="list/", Delimiter="/")
    assert [folder["Prefix"] for folder in folders["CommonPrefixes"]] == ["list/sub/"]
    assert folders["KeyCount"] == 4
    old = s3.list_objects(Bucket=store.bucket, Prefix="list/", MaxKeys=3)
    rest = s3.list_objects(Bucket=store.bucket, Prefix="list/", Marker=old["Contents"][-1]["Key"])
    assert [item["Key"] for page in (old, rest) for item in page["Contents"]] == keys


def test_an_empty_list_is_empty(serve: Serve, store: Store) -> None:
    listed = client(serve, store).list_objects_v2(Bucket=store.bucket, Prefix="nothing/begins/so/")
    assert (listed["KeyCount"], listed["IsTruncated"], listed.get("Contents")) == (0, False, None)


def test_deleting_many_needs_a_content_md5(serve: Serve, store: Store) -> None:
    s3, keys = client(serve, store), ["many/a", "many/b c", "many/never was"]
    for key in keys[:2]:
        s3.put_object(Bucket=store.bucket, Key=key, Body=PICTURE)
    delete = {"Objects": [{"Key": key} for key in keys]}
    with pytest.raises(ClientError) as refused:
        s3.delete_objects(Bucket=store.bucket, Delete=delete)
    assert code(refused) == (400, store.no_md5)
    assert "Content-MD5" in refused.value.response["Error"]["Message"]
    assert s3.list_objects_v2(Bucket=store.bucket, Prefix="many/")["KeyCount"] == 2, "nothing was deleted"
    with_md5(s3, "DeleteObjects")
    assert [gone["Key"] for gone in s3.delete_objects(Bucket=store.bucket, Delete=delete)["Deleted"]] == keys
    assert s3.list_objects_v2(Bucket=store.bucket, Prefix="many/")["KeyCount"] == 0


@pytest.mark.parametrize("digest", ["1B2M2Y8AsgTpgAmY7PhCfg==", "no base64"])
def test_a_content_md5_that_does_not_fit_is_refused(serve: Serve, store: Store, digest: str) -> None:
    with pytest.raises(ClientError) as refused:
        client(serve, store).put_object(Bucket=store.bucket, Key="md5", Body=PICTURE, ContentMD5=digest)
    assert code(refused) == (400, store.wrong_md5 if "=" in digest else "InvalidDigest")


def test_the_sdks_default_of_trailing_checksums_is_refused(serve: Serve, store: Store, book: StoreBook) -> None:
    # Over plain http boto3 sends no trailer. So it is made to believe in https until its request leaves.
    s3 = client(serve, store, scheme="https", request_checksum_calculation="when_supported")
    s3.meta.events.register("before-send.s3.*", over_http)
    with open(__file__, "rb") as file, pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=store.bucket, Key="chunked", Body=file)
    assert code(refused) == (400, store.chunked)
    [seen] = book.seen
    assert seen["headers"]["content-encoding"] == "aws-chunked"
    assert seen["headers"]["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert ("STREAMING-UNSIGNED-PAYLOAD-TRAILER" if store is COS else "aws-chunked") in refused.value.response["Error"][
        "Message"
    ]
    with pytest.raises(ClientError) as absent:
        client(serve, store).get_object(Bucket=store.bucket, Key="chunked")
    assert code(absent) == (404, "NoSuchKey"), "nothing was kept"
    with open(__file__, "rb") as file:
        client(serve, store).put_object(Bucket=store.bucket, Key="chunked", Body=file)
    with open(__file__, "rb") as file:
        assert client(serve, store).get_object(Bucket=store.bucket, Key="chunked")["Body"].read() == file.read()


def test_path_style_is_refused(serve: Serve, store: Store) -> None:
    with pytest.raises(ClientError) as refused:
        client(serve, store, s3={"addressing_style": "path"}).get_object(Bucket=store.bucket, Key="a")
    assert code(refused) == (403, store.path_style)


def test_wrong_keys_are_told_apart(serve: Serve, store: Store) -> None:
    id, secret = serve.keys(f"{store.name}-reader")
    for keys, expected in [((id, "wrong"), "SignatureDoesNotMatch"), (("AKIDnobody", secret), "InvalidAccessKeyId")]:
        with pytest.raises(ClientError) as refused:
            client(serve, store, keys=keys).get_object(Bucket=store.bucket, Key="a")
        assert code(refused) == (403, expected)
        with pytest.raises(ClientError) as bare:
            client(serve, store, keys=keys).head_object(Bucket=store.bucket, Key="a")
        assert code(bare) == (403, "403"), "a HEAD has no body to say more in"


def test_each_role_may_do_what_is_its_own(serve: Serve, store: Store) -> None:
    client(serve, store, "painter").put_object(Bucket=store.bucket, Key="roles/a", Body=PICTURE)
    client(serve, store, "reader").get_object(Bucket=store.bucket, Key="roles/a")
    for role in ("painter", "eraser"):
        with pytest.raises(ClientError) as refused:
            client(serve, store, role).get_object(Bucket=store.bucket, Key="roles/a")
        assert code(refused) == (403, "AccessDenied")
    client(serve, store, "eraser").delete_object(Bucket=store.bucket, Key="roles/a")


def test_a_bucket_that_is_not_there_is_told_to_the_owner_alone(serve: Serve, store: Store) -> None:
    for role, expected in [("owner", (404, "NoSuchBucket")), ("reader", (403, "AccessDenied"))]:
        with pytest.raises(ClientError) as refused:
            client(serve, store, role).get_object(Bucket="another-1250000000", Key="a")
        assert code(refused) == expected


def test_a_signed_link_opens_one_object_for_a_while(own_serve: Serve, store: Store) -> None:
    s3 = client(own_serve, store)
    s3.put_object(Bucket=store.bucket, Key="link/a.png", Body=PICTURE, ContentType="image/png")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": store.bucket, "Key": "link/a.png"}, ExpiresIn=600)
    opened = requests.get(link, timeout=10)
    assert (opened.status_code, opened.content) == (200, PICTURE)
    assert opened.headers[f"x-{store.name}-force-download"] == "true"
    forged = requests.get(link.replace("a.png", "b.png"), timeout=10)
    assert forged.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in forged.text
    own_serve.advance("9m")
    assert requests.get(link, timeout=10).status_code == 200
    own_serve.advance("1m 5s")
    expired = requests.get(link, timeout=10)
    assert expired.status_code == 403
    assert "<Code>AccessDenied</Code>" in expired.text
    assert "expired" in expired.text


def test_a_signed_link_takes_an_object_too(serve: Serve, store: Store) -> None:
    s3 = client(serve, store)
    link = s3.generate_presigned_url("put_object", Params={"Bucket": store.bucket, "Key": "link/put"}, ExpiresIn=600)
    assert requests.put(link, data=PICTURE, timeout=10).status_code == 200
    assert s3.get_object(Bucket=store.bucket, Key="link/put")["Body"].read() == PICTURE


def test_lifecycle_rules_are_put_read_and_deleted(serve: Serve, store: Store) -> None:
    s3 = client(serve, store)
    with pytest.raises(ClientError) as none:
        s3.get_bucket_lifecycle_configuration(Bucket=store.bucket)
    assert code(none) == (404, store.no_lifecycle)
    rules = [{"ID": "month", "Filter": {"Prefix": "img/"}, "Status": "Enabled", "Expiration": {"Days": 30}}]
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_lifecycle_configuration(Bucket=store.bucket, LifecycleConfiguration={"Rules": rules})
    assert code(refused) == (400, store.no_md5)
    with_md5(s3, "PutBucketLifecycleConfiguration")
    s3.put_bucket_lifecycle_configuration(Bucket=store.bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=store.bucket)["Rules"] == rules
    with pytest.raises(ClientError) as denied:
        client(serve, store, "eraser").get_bucket_lifecycle_configuration(Bucket=store.bucket)
    assert code(denied) == (403, "AccessDenied")
    s3.delete_bucket_lifecycle(Bucket=store.bucket)
    with pytest.raises(ClientError) as gone:
        s3.get_bucket_lifecycle_configuration(Bucket=store.bucket)
    assert code(gone) == (404, store.no_lifecycle)


def test_an_object_in_parts_is_put_together(serve: Serve, store: Store) -> None:
    s3, key, halves = client(serve, store), "parts/whole", [b"a" * 5_242_880, b"b"]
    upload = s3.create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(Bucket=store.bucket, Key=key, UploadId=upload, PartNumber=number, Body=half)["ETag"],
        }
        for number, half in enumerate(halves, 1)
    ]
    s3.complete_multipart_upload(Bucket=store.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=store.bucket, Key=key)["Body"].read() == b"".join(halves)


TROUBLES = [
    (503, "SlowDown"),
    (500, "InternalError"),
    (503, "ServiceUnavailable"),
    (403, "RequestTimeTooSkewed"),
    (403, "AccessDenied"),
]
OF_ONE = {
    "cos": [(451, "UnavailableForLegalReasons"), (403, "DownloadForbidden")],
    "oss": [(400, "PublicEndpointForbidden"), (403, "UserDisable"), (503, "DownloadTrafficRateLimitExceeded")],
}


def test_each_listed_error_raises_the_sdks_own(serve: Serve, store: Store) -> None:
    s3 = client(serve, store)
    for status, name in TROUBLES + OF_ONE[store.name]:
        serve.store_fault(store.name, operation="PutObject", fail={"status": status, "code": name})
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=store.bucket, Key="trouble", Body=PICTURE)
        assert code(refused) == (status, name)
        response = refused.value.response
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert headers[store.request_id]
        if store is COS:
            assert response["Error"]["Resource"] == "/trouble"
            assert (
                response["Error"]["TraceId"] == response["ResponseMetadata"]["RequestId"] == headers[store.request_id]
            )
        else:
            # boto3 reads a request id from `x-amz-request-id` alone, and OSS has a header of its own.
            assert response["Error"]["EC"] == headers["x-oss-ec"]


def test_a_lost_reply_is_no_answer_and_the_object_is_there(serve: Serve, store: Store) -> None:
    s3 = client(serve, store)
    serve.store_fault(store.name, operation="PutObject", lose_reply=None)
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=store.bucket, Key="lost", Body=PICTURE)
    assert s3.get_object(Bucket=store.bucket, Key="lost")["Body"].read() == PICTURE


def test_damage_on_the_way_is_told_by_the_etag_alone(serve: Serve, store: Store) -> None:
    serve.store_fault(store.name, operation="PutObject", damage=None)
    put = client(serve, store).put_object(Bucket=store.bucket, Key="damaged", Body=PICTURE)
    assert put["ETag"].strip('"').lower() != hashlib.md5(PICTURE).hexdigest()
