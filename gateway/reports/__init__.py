"""Reports: what is counted or listed for people who meet, are inspected, or print; each as a page
for `gateway.paper`.
"""
