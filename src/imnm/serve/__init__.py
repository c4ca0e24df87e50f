"""The server: pages for clinicians and CDS Hooks for the record system they work in (extra ``serve``).

``settings`` what a site decides; ``guard`` what every request passes; ``people`` who asks; ``source`` the patients;
``pages`` what is shown; ``hooks``, ``cards`` and ``clients`` CDS Hooks; ``store`` what people enter; ``audit`` who saw
whom; ``app`` puts them together.
"""
