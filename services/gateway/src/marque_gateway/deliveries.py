"""What carriers of messages tell of them: `POST /v1/providers/{provider}/deliveryReports`, signed as telephone systems sign.

It is passed on to the campaign service, where the last word counts and a repeat changes nothing.
"""

from __future__ import annotations

from marque.campaign.v1 import campaign_send_service_pb2

from marque_gateway.telephony import SignedDoor


class DeliveryReports(SignedDoor):
    """The door of carriers."""

    route = "/v1/providers/{provider}/deliveryReports"
    owner = "campaign"
    rpc = "/marque.campaign.v1.CampaignSendService/RecordDeliveryReports"
    request = campaign_send_service_pb2.RecordDeliveryReportsRequest
    response = campaign_send_service_pb2.RecordDeliveryReportsResponse
