"""The domain and its database: what a job is and how it is remembered. (Neural nets are called networks here.)"""
