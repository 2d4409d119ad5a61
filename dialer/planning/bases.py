"""The base of a sample while it is taken: who counts for which quota and list, and in which order they are drawn.

The rule of this module: pure; a place in the order depends on the seed and the client alone, and, where the pack asks
for rotation, on how often he was called before (A-42).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from dialer.planning.rules import Facts
from dialer.planning.sampling import Draw, Member, MemberState, Reserves, lot
from dialer.programmes.facts import ClientFile, ItemState, PastItem
from dialer.programmes.model import Programme, Quota, TopList

Amount = Callable[[TopList, ClientFile, Facts], float | None]
Candidate = tuple[int, str, int]
"""Rank, client id, strata."""

COVERED = frozenset({ItemState.OPEN, ItemState.DONE})
"""States of an earlier item that let others go first (A-42); whom nobody reached still has his turn."""


def quotas_of(programme: Programme) -> tuple[Quota, ...]:
    """The programme's quotas, then one of 100 % for each of its top lists: whoever is on a list is called."""
    return (*programme.quotas, *(Quota(Fraction(1), None, top.rule) for top in programme.tops))


def strata_of(programme: Programme, facts: Facts) -> int:
    """A bit for each quota that the client counts for; the bits of top lists are set when the base is complete."""
    strata = 0
    for number, quota in enumerate(programme.quotas):
        if quota.of is None or quota.of.test(facts):
            strata |= 1 << number
    return strata


@dataclass(slots=True)
class Base:
    """What is known of a sample's base so far. ``amount`` is what a list ranks a client by."""

    draw: Draw
    programme: Programme
    amount: Amount
    candidates: list[Candidate] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    listed: dict[int, list[tuple[float, str]]] = field(default_factory=dict)

    def admit(self, file: ClientFile, facts: Facts) -> None:
        """Count a client who is in scope and in the base."""
        branch = file.client.branch if file.client else ""
        strata = strata_of(self.programme, facts)
        self.candidates.append((self._rank(file), file.client_id, strata))
        if strata:
            self.draw.count(branch, strata)
        for number, top in enumerate(self.programme.tops):
            amount = self.amount(top, file, facts)
            if amount is not None and amount > 0 and (top.where is None or top.where(facts)):
                self.listed.setdefault(number, []).append((amount, file.client_id))
                self.branches[file.client_id] = branch

    def _rank(self, file: ClientFile) -> int:
        before = sum(self._was_covered(past) for past in file.past) if self.programme.rotation else 0
        return before << 64 | lot(self.draw.seed, file.client_id)

    def _was_covered(self, past: PastItem) -> bool:
        return past.programme == self.programme.key and past.state in COVERED

    def finish(self, *, keep_all: bool) -> Draw:
        """Order the candidates and keep those who may have to be called.

        Members of an earlier draw stay and count for what they count for now; whoever waits and is no longer in the
        base is out.
        """
        draw, candidates = self.draw, self._with_lists()
        reserves, digest = Reserves(draw, keep_all=keep_all), hashlib.sha256()
        earlier, here = list(draw.members), set[str]()
        draw.complete = True
        for _, client, strata in candidates:
            digest.update(client.encode() + b"\n")
            key, kept = f"{draw.sample_id}:{client}", reserves.keeps(strata)
            member = draw.known.get(key)
            if member is not None:
                member.strata = strata
                here.add(key)
            elif kept:
                draw.add(Member(client, key, strata))
            else:
                draw.complete = False
        draw.digest = digest.hexdigest()
        for member in earlier:
            if member.state is MemberState.WAITING and member.trigger_key not in here:
                member.state = MemberState.OUT
        return draw

    def _with_lists(self) -> list[Candidate]:
        """Everybody who counts for something, in order."""
        on_lists = self._on_lists()
        for client, bits in on_lists.items():
            self.draw.count(self.branches[client], bits)
        if self.programme.tops:
            self.candidates = [
                (rank, client, strata | on_lists.get(client, 0)) for rank, client, strata in self.candidates
            ]
        self.candidates = [candidate for candidate in self.candidates if candidate[2]]
        self.candidates.sort()
        return self.candidates

    def _on_lists(self) -> dict[str, int]:
        """The bits of the top lists that each client stands on (A-76, A-94, A-95).

        Nobody is left out whose amount is that of the last place: equal amounts share a rank.
        """
        bits: dict[str, int] = {}
        for number, entries in self.listed.items():
            most = self.programme.tops[number].most
            least = sorted((amount for amount, _ in entries), reverse=True)[:most][-1]
            for amount, client in entries:
                if amount >= least:
                    bits[client] = bits.get(client, 0) | 1 << (len(self.programme.quotas) + number)
        return bits
