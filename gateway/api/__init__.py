"""The API for case systems, /api/v1: JSON or XML over HTTPS. Requests are read here; decisions are made in flows.

    application   the operations together, under one prefix of the console's port
    guard         every operation with the act that it needs: who may call is settled here and nowhere else
    call          one request of one client, and the answers that an operation may give
    shapes        what is answered, as dataclasses; the description is made of them
    description   OpenAPI 3.1, from the operations, the shapes and the classes of a message
    table         the operations as docs/api.md shows them
    problems      every error in one form (RFC 9457)
    ...           one module a group of operations: token, notices, replies, authorities, webhooks

No address holds anything about a child. Every reading of a notice is an entry of the audit log, which names the client.
"""
