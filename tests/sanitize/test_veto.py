from __future__ import annotations

import time

import pytest

from replay.sanitize.veto import vetoed


@pytest.mark.parametrize(
    "value",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-17653672481-19874698323",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "-----BEGIN RSA PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
        "https://ann:secret@birdsong.org/",
        "Bearer abcdefgh12345",
        "ann@birdsong.org",
        "write to ann@birdsong.org now",
        "219-09-9999",
        "+49 1512 3456789",
        "(212) 736-5000",
        "81.2.69.142",
        "a4:5e:60:c2:1b:9f",
        "2a02:8070:1:2:3::4",
        "52.520008",
        "4539 5787 6362 1486",
        "GB33BUKB20201555555555",
        "d41d8cd98f00b204e9800998ecf8427e",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY9",
    ],
)
def test_secrets_and_data_of_people_are_vetoed(value: str) -> None:
    assert vetoed(value)


@pytest.mark.parametrize(
    "value",
    ["", "lamp", "floor-lamps", "1234", "2", "en", "EUR", "19.99", "v1.2.3", "created_at", "application/json"],
)
def test_plain_vocabulary_is_not(value: str) -> None:
    assert not vetoed(value)


@pytest.mark.parametrize("piece", ["a", "1-", "a@", "1.", "+1 ", "eyJ", "A" * 20 + " "])
def test_time_is_linear_in_the_value(piece: str) -> None:
    start = time.process_time()
    vetoed(piece * (200_000 // len(piece)))

    assert time.process_time() - start < 2
