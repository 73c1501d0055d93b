"""guitarclf config."""

import json

import click

from guitarclf.cli.options import UserPath
from guitarclf.cli.terminal import HelpfulGroup


@click.group("config", cls=HelpfulGroup)
def command():
    """Show what a configuration says, what its keys mean, and how an editor checks it.

    \b
    guitarclf config show
    guitarclf config explain net.lr
    guitarclf config schema > guitarclf.schema.json
    """


@command.command("show")
@click.argument("file", required=False, type=UserPath(dir_okay=False))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key: net.lr=3e-4.")
def show(file, overrides):
    """Print FILE with every key it leaves out, as YAML; without FILE the defaults. What breaks a rule is told."""
    from guitarclf.config import to_dict
    from guitarclf.config.dialect import to_yaml
    from guitarclf.config.files import load_config

    click.echo(to_yaml(to_dict(load_config(file, overrides))), nl=False)


@command.command("explain")
@click.argument("key")
def explain(key):
    """Print what KEY means, what it must be, its unit and default; of a section such as net, what its keys mean."""
    from guitarclf.config.docs import explained_key

    click.echo(explained_key(key))


@command.command("schema")
def schema():
    """Print a JSON schema of the YAML file, for editors.

    \b
    guitarclf config schema > guitarclf.schema.json

    Many editors then check and complete a file whose first line is
    `# yaml-language-server: $schema=guitarclf.schema.json`.
    """
    from guitarclf.config.json_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
