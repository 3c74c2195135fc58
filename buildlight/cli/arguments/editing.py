"""Commands that help to type: completion for a shell, and the schema for an editor."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import TypeAlias

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name


def add_schema(commands: "Commands") -> None:
    """Add ``schema``."""
    schema = commands.add_parser(
        "schema",
        help="print the JSON schema of the configuration, for editors",
        description="Print the JSON schema of the configuration with every driver and kind of "
        "feed that is installed here.",
        epilog="An editor with support for TOML (Even Better TOML, taplo, tombi) offers keys and "
        "marks mistakes if the first line of the configuration is: #:schema ./schema.json. The "
        "installed file, without plug-ins, is share/buildlight/buildlight.schema.json.",
    )
    schema.set_defaults(command="schema")


def add_completion(commands: "Commands") -> None:
    """Add ``completion``."""
    completion = commands.add_parser(
        "completion",
        help="print the completion of commands and options for bash, zsh or fish",
        description="Print what makes a shell complete commands, options, drivers and the names "
        "of your lamps. The Debian package has installed it already.",
        epilog="bash: buildlight completion bash > "
        "~/.local/share/bash-completion/completions/buildlight; "
        "zsh: buildlight completion zsh > a file called _buildlight in a folder of $fpath; "
        "fish: buildlight completion fish > ~/.config/fish/completions/buildlight.fish",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    completion.set_defaults(command="completion")
