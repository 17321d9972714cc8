#include "textflag.h"

// Position p of a register works on block 4*(p%4) + p/4, so that the transpose at the end,
// which works within quarters of a register, leaves the blocks in order.
DATA lanes<>+0(SB)/4, $0
DATA lanes<>+4(SB)/4, $4
DATA lanes<>+8(SB)/4, $8
DATA lanes<>+12(SB)/4, $12
DATA lanes<>+16(SB)/4, $1
DATA lanes<>+20(SB)/4, $5
DATA lanes<>+24(SB)/4, $9
DATA lanes<>+28(SB)/4, $13
DATA lanes<>+32(SB)/4, $2
DATA lanes<>+36(SB)/4, $6
DATA lanes<>+40(SB)/4, $10
DATA lanes<>+44(SB)/4, $14
DATA lanes<>+48(SB)/4, $3
DATA lanes<>+52(SB)/4, $7
DATA lanes<>+56(SB)/4, $11
DATA lanes<>+60(SB)/4, $15
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// One round on 16 blocks: (Z0, Z1, Z2, Z3) = (hi(M1 Z2) ^ Z1 ^ k0, lo(M1 Z2), hi(M0 Z0) ^ Z3 ^ k1, lo(M0 Z0)).
// VPMULUDQ multiplies the even 32-bit lanes; the odd ones are moved there first, and the low
// and high halves are put back together under the masks K1 (odd lanes) and K2 (even lanes).
#define ROUND(KEY) \
	VMOVSHDUP Z0, Z4                     \
	VMOVSHDUP Z2, Z5                     \
	VPMULUDQ  Z20, Z0, Z6                \
	VPMULUDQ  Z20, Z4, Z7                \
	VPMULUDQ  Z21, Z2, Z8                \
	VPMULUDQ  Z21, Z5, Z9                \
	VMOVDQA32 Z7, Z10                    \
	VMOVSHDUP Z6, K2, Z10                \
	VMOVSLDUP Z7, K1, Z6                 \
	VMOVDQA32 Z9, Z11                    \
	VMOVSHDUP Z8, K2, Z11                \
	VMOVSLDUP Z9, K1, Z8                 \
	VPTERNLOGD.BCST $0x96, KEY(DX), Z1, Z11   \
	VPTERNLOGD.BCST $0x96, KEY+4(DX), Z3, Z10 \
	VMOVDQA32 Z11, Z0                    \
	VMOVDQA32 Z8, Z1                     \
	VMOVDQA32 Z10, Z2                    \
	VMOVDQA32 Z6, Z3

// unit: the top 24 bits over 2^24.
#define STORE(REG, AT) \
	VPSRLD    $8, REG, REG   \
	VCVTDQ2PS REG, REG       \
	VMULPS    Z23, REG, REG  \
	VMOVUPS   REG, AT(DI)

// func philoxAVX512(dst *float32, groups int, counter *[4]uint32, keys *[20]uint32)
TEXT ·philoxAVX512(SB), NOSPLIT, $0-32
	MOVQ         dst+0(FP), DI
	MOVQ         groups+8(FP), CX
	MOVQ         counter+16(FP), SI
	MOVQ         keys+24(FP), DX
	MOVL         $0xAAAA, AX
	KMOVW        AX, K1
	MOVL         $0x5555, AX
	KMOVW        AX, K2
	MOVL         $0xD2511F53, AX
	VPBROADCASTD AX, Z20
	MOVL         $0xCD9E8D57, AX
	VPBROADCASTD AX, Z21
	MOVL         $16, AX
	VPBROADCASTD AX, Z22
	MOVL         $0x33800000, AX
	VPBROADCASTD AX, Z23
	VPBROADCASTD 0(SI), Z16
	VPADDD       lanes<>(SB), Z16, Z16
	VPBROADCASTD 4(SI), Z17
	VPBROADCASTD 8(SI), Z18
	VPBROADCASTD 12(SI), Z19

group:
	VMOVDQA32 Z16, Z0
	VMOVDQA32 Z17, Z1
	VMOVDQA32 Z18, Z2
	VMOVDQA32 Z19, Z3
	ROUND(0)
	ROUND(8)
	ROUND(16)
	ROUND(24)
	ROUND(32)
	ROUND(40)
	ROUND(48)
	ROUND(56)
	ROUND(64)
	ROUND(72)

	// Transpose: words of a block side by side.
	VPUNPCKLDQ  Z1, Z0, Z4
	VPUNPCKHDQ  Z1, Z0, Z5
	VPUNPCKLDQ  Z3, Z2, Z6
	VPUNPCKHDQ  Z3, Z2, Z7
	VPUNPCKLQDQ Z6, Z4, Z8
	VPUNPCKHQDQ Z6, Z4, Z9
	VPUNPCKLQDQ Z7, Z5, Z10
	VPUNPCKHQDQ Z7, Z5, Z11
	STORE(Z8, 0)
	STORE(Z9, 64)
	STORE(Z10, 128)
	STORE(Z11, 192)
	VPADDD      Z22, Z16, Z16
	ADDQ        $256, DI
	DECQ        CX
	JNZ         group
	VZEROUPPER
	RET
