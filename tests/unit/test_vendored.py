"""Files of others are the ones that were published, and pages load nothing else of others."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "service" / "web"
VENDOR = WEB / "static" / "vendor"
FILES = tomllib.loads((VENDOR / "vendor.toml").read_text())["file"]
TEMPLATES = sorted((WEB / "templates").glob("*.html"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["name"])
def test_a_vendored_file_is_as_it_was_published(file: dict[str, str]) -> None:
    content = (VENDOR / file["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert file["version"]
    assert file["licence"]


def test_each_file_of_others_is_listed() -> None:
    there = {path.name for path in VENDOR.iterdir()} - {"vendor.toml"}
    assert there == {file["path"] for file in FILES if "/" not in file["path"]}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_that_the_policy_refuses(template: Path) -> None:
    text = re.sub(r"\{%.*?%\}", "", template.read_text(), flags=re.DOTALL)
    assert not re.search(r"\sstyle\s*=|<style|\son\w+\s*=|\shx-on|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//""", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_never_says_that_text_is_safe(template: Path) -> None:
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", template.read_text())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_each_icon_of_a_template_is_in_the_sprite(template: Path) -> None:
    there = set(re.findall(r'<symbol id="([^"]+)"', (WEB / "static" / "icons.svg").read_text()))
    asked = set(re.findall(r'icon\("([a-z0-9-]+)"', template.read_text()))
    assert asked <= there
