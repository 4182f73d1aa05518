"""What the addresses in messages answer: `/p/{token}` to choose what comes, its one click, links that are counted, and a picture."""

from marque_gateway.messages.door import LINK, PAGE, PICTURE, STOP, MessageDoor

__all__ = ["LINK", "PAGE", "PICTURE", "STOP", "MessageDoor"]
