/* lwIP's tests include what autoconf would have made; they use none of it. */
