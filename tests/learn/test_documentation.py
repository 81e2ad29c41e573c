"""The examples of docs/policy.md are true."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from replay.sanitize import policy as policies
from replay.sanitize.explain import explain
from replay.sanitize.policy import load_policy
from tests.learn.test_learning import proposal

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy.md"
TOML = re.compile(r"(<!-- proposed -->\n)?```toml\n(.*?)```", re.DOTALL)


def blocks(*, proposed: bool) -> list[str]:
    found = [text for mark, text in TOML.findall(PAGE.read_text()) if bool(mark) is proposed]
    assert found
    return found


@pytest.mark.parametrize("text", blocks(proposed=True))
def test_what_is_shown_as_proposed_is_proposed(text: str) -> None:
    assert text in proposal().text


def test_the_example_is_a_policy_and_its_rules_speak(tmp_path: Path) -> None:
    (text,) = blocks(proposed=False)
    path = tmp_path / "shop.toml"
    path.write_text(text)
    policy = load_policy(str(path))

    assert policy.reviewed_by
    assert any("keep.product_id" in line for line in explain(policy, "GET /products/7 path"))
    assert any("keep.product_id" in line for line in explain(policy, "POST /cart form:product_id"))
    assert not any("keep." in line for line in explain(policy, "POST /orders form:product_id"))


def test_every_field_of_a_policy_is_in_the_table() -> None:
    listed = PAGE.read_text().partition("## 3.")[2]

    for struct in (policies._File, policies._Hosts, policies._Names, policies._Route, policies._Keep, policies._Drop):
        for field in msgspec.structs.fields(struct):
            if field.name not in {"hosts", "names", "routes", "keep", "drop"} or struct is not policies._File:
                assert re.search(rf"[`\s]{field.name}`", listed), field.name
