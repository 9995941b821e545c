"""The kinds of timers."""

OFFER_EXPIRES = "offer-expires"
"""Subject: the offer. Nobody answered in time."""

REQUEST_UNATTENDED = "request-unattended"
"""Subject: `<case>/<version>`. Nobody acts: the automatic search goes on."""

HOLD_WARNING = "hold-warning"
"""Subject: the offer. An accepted hold is about to end."""

HOLD_ENDS = "hold-ends"
"""Subject: the offer. An accepted hold ends, or the patient on the way should have arrived."""

ROOM_JUDGED = "room-judged"
"""Subject: `<offer>/<moment>`. An accepted patient's provider did not answer whether there is room, or something stands for its answer."""

UNIT_OVERCOMMITTED = "unit-overcommitted"
"""Subject: `<unit>/<moment>`. More was held than free for too long."""
