"""The independent leak scanner. It shares no module with the sanitiser."""
