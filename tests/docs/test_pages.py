"""What the pages say holds: their links, the commands and flags in their blocks, and the tables that are generated."""

import re
import subprocess
from functools import cache

import pytest
from click.testing import CliRunner
from pages import CHECKOUT, PAGES, RUN, SHOWN, anchors, blocks, links, read

import guitarclf
from guitarclf.cli import COMMANDS, main
from guitarclf.config import Config
from guitarclf.config.docs import PAGES as PAGES_WITH_KEYS
from guitarclf.config.docs import markdown_table
from guitarclf.config.files import load_config

every_page = pytest.mark.parametrize("page", PAGES)


def test_readme_is_short():
    assert len(read("README.md").splitlines()) <= 180


@pytest.mark.parametrize("page", PAGES_WITH_KEYS)
def test_a_table_of_keys_is_what_the_configuration_says(page):
    assert markdown_table(PAGES_WITH_KEYS[page]) in read(page), "run `make docs-tables`"


def test_the_scores_in_the_readme_are_those_of_the_page_about_accuracy():
    measured = read("docs/accuracy.md")
    for setting, *cells in re.findall(
        r"^\| ([a-z, ]+) \| ([\d.]+) \| ([\d.]+) \| .* \| ([\d.]+) \|$", read("README.md"), re.M
    ):
        row = re.search(rf"^\| {setting} \|.*\n\| \| now \|(.*)$", measured, re.M)[1]
        assert all(f"{cell} (" in row for cell in cells), (setting, cells, row)


def test_readme_and_start_name_every_command():
    shown = "".join(map(read, PAGES))
    for name in COMMANDS:
        assert f"guitarclf {name}" in shown, name


def test_every_public_name_has_a_page():
    listed = set(read("docs/reference/api.rst").split())
    assert set(guitarclf.__all__) - listed == {"__version__"}


@every_page
def test_every_block_has_a_language_and_every_block_left_out_a_reason(page):
    for block in blocks(page):
        assert block.language in RUN | SHOWN, f"{block.place}: {block.language!r}"
        assert block.reason is None or len(block.reason) > 8, f"{block.place}: say why it is not run"


@cache
def flags_of(*command: str) -> set[str]:
    done = CliRunner().invoke(main, [*command, "--help"])
    assert done.exit_code == 0, command
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.output))


@every_page
def test_commands_and_flags_exist(page):
    for block in blocks(page, "sh"):
        for words in block.commands():
            if words[0] != "guitarclf" or words[1].startswith("-"):
                continue
            command = words[1:3] if words[1] in ("cache", "config", "import") else words[1:2]
            flags = {word.split("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)}
            assert flags <= flags_of(*command), f"{block.place}: {words}"


@every_page
def test_python_compiles_and_configurations_load(page, tmp_path):
    for block in blocks(page, "python"):
        compile(block.text, block.place, "exec")
    for block in blocks(page, "yaml", runs=True):
        (tmp_path / "shown.yaml").write_text(block.text, encoding="utf-8")
        assert isinstance(load_config(tmp_path / "shown.yaml"), Config), block.place


@every_page
def test_targets_of_make_exist(page):
    for block in blocks(page, "sh"):
        for words in block.commands():
            if words[0] == "make":
                done = subprocess.run(["make", "-n", *words[1:]], cwd=CHECKOUT, capture_output=True, text=True)
                assert done.returncode == 0, f"{block.place}: {done.stderr}"


@every_page
def test_links_hold(page):
    """To files of the checkout, and to headings in them: they hold on GitHub too, and docs/conf.py turns some."""
    folder = (CHECKOUT / page).parent
    for link in links(page):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (folder / name).resolve() if name else CHECKOUT / page
        assert target.exists(), f"{page}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(str(target.relative_to(CHECKOUT))), f"{page}: {link}"
