"""Messages by e-mail: composed, signed and handed to a mail server by the platform's postman."""

from __future__ import annotations

from servicekit.mail import bounces
from servicekit.mail.letters import Letter, Unmailable, compose
from servicekit.mail.settings import MailSettings
from servicekit.mail.smtp import MailNotTaken, MailOutcomeUnknown, MailRefused

from marque_campaign.clients import NotHanded, Outgoing, Rejected, Silent


class MailProvider:
    """Hands mails to the server of the settings. SMTP has no key by which a mail is taken once: a lost answer is never tried again."""

    repeatable = False

    def __init__(self, settings: MailSettings) -> None:
        self._sender = settings.mail_sender
        self._postman = settings.postman()
        self._signer = settings.signer()

    async def close(self) -> None:
        """Closes the connections to the server."""
        await self._postman.close()

    async def send(self, outgoing: Outgoing) -> None:
        """Hands a mail over. Raises NotHanded, Rejected, Silent, and what `outgoing.begin` raises, before anything left."""
        message = outgoing.message
        letter = Letter(
            self._sender, outgoing.address, message.subject, message.text, outgoing.message_id or outgoing.send_id,
            message.html, outgoing.unsubscribe,
        )  # fmt: skip
        try:
            mail = compose(letter)
        except Unmailable:
            raise Rejected("UNMAILABLE") from None
        if self._signer is not None:
            mail = self._signer.sign(mail)  # a third of a millisecond: going to a thread and back takes longer
        try:
            await self._postman.send(self._sender, outgoing.address, mail, outgoing.begin)
        except MailNotTaken as fault:
            raise NotHanded(fault.why.upper(), fault.seconds) from None
        except MailRefused as fault:
            raise Rejected(fault.why, address_gone=bounces.is_gone(fault.status)) from None
        except MailOutcomeUnknown:
            raise Silent("BROKEN_OFF") from None
