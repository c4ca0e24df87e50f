"""imnm"""
