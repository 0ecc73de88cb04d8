"""Who stands in for whom: always somebody who is here, and nobody where they stand in for each other."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.team import Absence, find_stand_ins

TODAY = date(2026, 11, 27)
PEOPLE = ("olive", "ines", "percy", "mona", "")
DAYS = st.integers(-3, 3).map(lambda days: TODAY + timedelta(days=days))
ABSENCES = st.lists(
    st.builds(Absence, st.sampled_from(PEOPLE[:-1]), DAYS, DAYS, st.sampled_from(PEOPLE)),
    unique_by=lambda absence: absence.person,
)


@given(ABSENCES, st.frozensets(st.sampled_from(PEOPLE[:-1])))
def test_whoever_stands_in_is_here_and_may_and_only_of_those_who_are_away(
    absences: list[Absence], deputies: frozenset[str]
) -> None:
    away = {absence.person: absence for absence in absences if absence.since <= TODAY <= absence.until}
    stand_ins = find_stand_ins(absences, TODAY, deputies)
    assert set(stand_ins) <= set(away)
    assert set(stand_ins.values()) <= deputies - set(away)
    for person, absence in away.items():
        if absence.deputy in deputies and absence.deputy not in away:
            assert stand_ins[person] == absence.deputy
        elif absence.deputy in away:
            # The deputy of the deputy, if there is one.
            assert stand_ins.get(person) == stand_ins.get(absence.deputy)


def test_both_days_count_and_those_who_are_each_others_deputy_have_none() -> None:
    day = timedelta(days=1)
    absence = Absence("olive", TODAY, TODAY + day, "ines")
    assert [absence.is_on(TODAY + days * day) for days in (-1, 0, 1, 2)] == [False, True, True, False]
    circle = [absence, Absence("ines", TODAY, TODAY, "percy"), Absence("percy", TODAY, TODAY, "olive")]
    assert find_stand_ins(circle, TODAY, ("olive", "ines", "percy")) == {}
    assert find_stand_ins(circle[:2], TODAY, ("olive", "ines", "percy")) == {"olive": "percy", "ines": "percy"}
