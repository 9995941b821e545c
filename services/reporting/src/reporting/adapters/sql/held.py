"""How many places of a unit are held: one rule, for putting on, for holds that change, and for the recount."""


def held(unit: str, holds: str) -> str:
    """The number of places held, as SQL over a row of the unit and a row of its holds, which may be all null.

    A hold that the unit's own figures contain already is not counted beside them. One that a report absorbed counts until that version
    of the unit was seen: whichever of the two comes first, the place is at no moment free.
    """
    return (
        f"((select count(*) from unnest({holds}.holds) as h (hold_id) where h.hold_id <> all({unit}.includes_holds))"
        f" + (select count(*) from unnest({holds}.absorbed_by) as a (version) where a.version > {unit}.version))::int"
    )
