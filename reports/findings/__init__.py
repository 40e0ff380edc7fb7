"""Findings: sentences drawn from a run by stated rules, each with its evidence."""

from reports.findings.finding import Finding
from reports.findings.rules import find

__all__ = ["Finding", "find"]
