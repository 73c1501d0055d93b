"""The forms by which an issue is filed: read as GitHub reads them, and asking for what --version tells."""

from pathlib import Path

import pytest
import yaml

import guitarclf

FORMS = Path(guitarclf.__file__).parent.parent / ".github" / "ISSUE_TEMPLATE"


@pytest.mark.parametrize("name", ["bug", "wish"])
def test_a_form_asks_for_versions_and_machine(name):
    form = yaml.safe_load((FORMS / f"{name}.yml").read_text(encoding="utf-8"))
    assert form.keys() == {"name", "description", "labels", "body"}
    asked = {item["id"]: item for item in form["body"]}
    assert len(asked) == len(form["body"])
    assert all(item["type"] == "textarea" and item["attributes"]["label"] for item in form["body"])
    assert "`guitarclf --version --verbose`" in asked["versions"]["attributes"]["description"]
    assert asked["what"]["validations"] == {"required": True}


def test_there_are_no_other_forms():
    assert sorted(path.name for path in FORMS.iterdir()) == ["bug.yml", "config.yml", "wish.yml"]
    assert yaml.safe_load((FORMS / "config.yml").read_text(encoding="utf-8")) == {"blank_issues_enabled": True}
