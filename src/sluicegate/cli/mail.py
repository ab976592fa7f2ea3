"""``sluicegate mail``: the mail server of this installation."""

from typing import Annotated, Final

import typer

from sluicegate.cli.context import DataDir, load, run
from sluicegate.cli.output import fail

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The mail server of this installation.")

_TEXT: Final = "This is the mail that 'sluicegate mail test' sends. The mail server has taken it.\n"


@app.callback()
def _group() -> None:
    """Makes ``test`` a command of its own, though it is the only one."""


@app.command("test")
def send_test(
    address: Annotated[str, typer.Argument(help="Where the mail goes.")],
    data_dir: DataDir = None,
) -> None:
    """Sends a mail now, and says what the mail server made of it."""
    from uuid import uuid4

    from sluicegate.core.clock import SystemClock
    from sluicegate.core.mail import EmailAddress, Mail, MailVerdict
    from sluicegate.net.mail import SmtpSender
    from sluicegate.wiring.mail import mail_server

    settings = load(data_dir)

    async def work() -> MailVerdict | None:
        to, server = EmailAddress.read(address), mail_server(settings)
        if server is None:
            return None
        sender = SmtpSender(server, SystemClock())
        try:
            return await sender.send(Mail(to, "Sluicegate: a test", _TEXT, str(uuid4())))
        finally:
            sender.close()

    verdict = run(work)
    if verdict is None:
        fail("no mail server is set (SLUICEGATE_SMTP_HOST)", 2)
    if not verdict.taken:
        fail(verdict.words, 1 if verdict.final else 5)
    typer.echo(f"{settings.smtp_host} has taken it")
