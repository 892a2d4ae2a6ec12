"""What can go wrong for a framework or an executor; each error's text is a sentence.

MesetaError
└── SdkError
    ├── NotSubscribedError   the call was not made: there is no subscription at the moment
    ├── CallLostError        the call got no answer; it may have arrived or not
    ├── CallRefusedError     the other side refused the call
    ├── OfferError           the offer is used up, void, or too small
    └── EndedError           the master or agent ended the session
"""

from __future__ import annotations

from meseta.errors import MesetaError


class SdkError(MesetaError):
    """Base of the errors of the SDK."""


class NotSubscribedError(SdkError):
    """The call was not made; it may be tried again once subscribed."""


class CallLostError(SdkError):
    """The call got no answer: it may have arrived or not."""


class CallRefusedError(SdkError):
    """The other side refused a call with an HTTP status of 400 or more."""

    def __init__(self, what: str, status: int, reason: str) -> None:
        super().__init__(f"{what} was refused: {status} {reason}".rstrip())
        self.status = status
        self.reason = reason


class OfferError(SdkError):
    """The offer was used already, is void, or does not have what the task wants."""


class EndedError(SdkError):
    """The session is over for good; the text says why."""
