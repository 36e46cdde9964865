"""Concerts and their bookings, for `cqrs demo` and its lessons: each module is the domain at one moment of a story.

concerts              one aggregate, two read models, one query
box_office            with payment, and a process that gives back what is not paid for
wider_programme       the programme has one more column: its rows are to be made anew
numbered, renumbered  a read model that counts outside of its row, and one that does not
averages, mended      a read model that can't take an event, and one that can
visits, visits_later  an event before and after its fields changed
"""
