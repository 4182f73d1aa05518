"""Mails that leave: composed and signed (`letters`), handed to a server (`smtp`), their text read off the HTML (`plain`), and read again
where they come back (`bounces`).
"""
