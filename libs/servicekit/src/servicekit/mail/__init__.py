"""Mails that leave: composed (`letters`), signed (`signing`), handed to a server (`smtp`), their text read off the HTML (`plain`),
and read again where they come back (`bounces`).
"""
