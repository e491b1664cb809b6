"""The sandbox can be wrong on purpose, in exactly the way that was asked for, and is right without it."""

from __future__ import annotations

from requests import Response

from tests.sandbox.dataverse_place import Place

BATCH = "--b\r\nContent-Type: application/http\r\n\r\nPOST accounts HTTP/1.1\r\n\r\n{}\r\n--b--\r\n"


def batch(dataverse: Place, name: str) -> Response:
    body = BATCH.replace("{}", f'{{"name":"{name}"}}')
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    return dataverse.session.post(f"{dataverse.api}/$batch", data=body, headers=headers, timeout=10)


def test_a_batch_is_delimited_as_its_header_says(dataverse: Place) -> None:
    answer = batch(dataverse, "right")
    boundary = answer.headers["Content-Type"].partition("boundary=")[2]
    assert boundary.startswith("batchresponse_")
    assert answer.text.startswith(f"--{boundary}\r\n")


def test_the_delimiter_can_be_wrong(dataverse: Place) -> None:
    dataverse.world.settings["dataverse.batch_delimiter"] = "answer_"
    answer = batch(dataverse, "wrong")
    assert answer.text.startswith("--answer_")
    assert "boundary=batchresponse_" in answer.headers["Content-Type"]
    assert "HTTP/1.1 204" in answer.text


def test_a_header_can_be_left_out_alone_and_within_a_batch(dataverse: Place) -> None:
    dataverse.world.settings["dataverse.omit_headers"] = ["odata-entityid"]
    alone = dataverse.send("POST", "accounts", {"name": "alone"})
    assert alone.status_code == 204
    assert "OData-EntityId" not in alone.headers
    assert "Location" in alone.headers
    assert "OData-EntityId" not in batch(dataverse, "within").text


def test_without_the_setting_both_carry_it(dataverse: Place) -> None:
    assert "OData-EntityId" in dataverse.send("POST", "accounts", {"name": "alone"}).headers
    assert "OData-EntityId" in batch(dataverse, "within").text
