"""Markov chains a step at a time: slice sampling, plain and compiled, Hamiltonian and Langevin
dynamics, Gibbs sampling of bits; and what draws say of themselves.
"""
