"""Programmes, events and reports as OpenADR 3 documents (versions 3.0.1 and 3.1), and back.

What is written reads back to the same. What is read is checked field by field; a document that says
something this system cannot carry out is refused with the JSON path of the place (`OpenAdrError`).
"""

from market.openadr.directory import Directory
from market.openadr.document import OpenAdrError, Version
from market.openadr.events import EventCall, read_event, write_event
from market.openadr.programmes import NamedProgramme, read_programme, write_programme
from market.openadr.reports import EventReport, MeasuredSlot, read_report, write_report
from market.openadr.timing import Calendar

__all__ = [
    "Calendar",
    "Directory",
    "EventCall",
    "EventReport",
    "MeasuredSlot",
    "NamedProgramme",
    "OpenAdrError",
    "Version",
    "read_event",
    "read_programme",
    "read_report",
    "write_event",
    "write_programme",
    "write_report",
]
