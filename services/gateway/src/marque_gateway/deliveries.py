"""What carriers of messages tell of them: `POST /v1/providers/{provider}/deliveryReports`, signed as telephone systems sign; and mails that
came back, as a mail server hands them on: `POST /v1/providers/{provider}/bounces`, signed alike.

It is passed on to the campaign service, where the last word counts and a repeat changes nothing.
"""

from __future__ import annotations

from typing import Any

from marque.campaign.v1 import campaign_send_service_pb2
from servicekit.errors import InvalidArgument

from marque_gateway.telephony import SignedDoor


class DeliveryReports(SignedDoor):
    """The door of carriers."""

    route = "/v1/providers/{provider}/deliveryReports"
    owner = "campaign"
    rpc = "/marque.campaign.v1.CampaignSendService/RecordDeliveryReports"
    request = campaign_send_service_pb2.RecordDeliveryReportsRequest
    response = campaign_send_service_pb2.RecordDeliveryReportsResponse


class Bounces(SignedDoor):
    """The door of mails that came back: the body is the mail (RFC 5322), whatever it is called."""

    route = "/v1/providers/{provider}/bounces"
    owner = "campaign"
    rpc = "/marque.campaign.v1.CampaignSendService/RecordBounceMail"
    request = campaign_send_service_pb2.RecordBounceMailRequest
    response = campaign_send_service_pb2.RecordDeliveryReportsResponse

    def _read(self, body: bytes) -> Any:
        if not body:
            raise InvalidArgument.of("body", "MAIL_UNREADABLE", "The body is empty.")
        return campaign_send_service_pb2.RecordBounceMailRequest(message=body)
