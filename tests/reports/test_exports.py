import reports


def test_public_names_are_these() -> None:
    assert reports.__all__ == [
        "Objective",
        "OutputError",
        "ReportError",
        "Run",
        "RunError",
        "Summary",
        "Timeline",
        "UsageError",
        "read_run",
        "summarise",
    ]
    assert all(hasattr(reports, name) for name in reports.__all__)
