#include "textflag.h"

// SUM adds the 16 lanes of Z, by halves, into the sum at byte AT of DI; Y and X are its lower
// parts.
#define SUM(Z, Y, X, AT) \
	VEXTRACTF64X4 $1, Z, Y8       \
	VADDPS        Y8, Y, Y        \
	VEXTRACTF128  $1, Y, X8       \
	VADDPS        X8, X, X        \
	VPERMILPS     $0x4e, X, X8    \
	VADDPS        X8, X, X        \
	VPERMILPS     $0xb1, X, X8    \
	VADDPS        X8, X, X        \
	VMOVSS        X, AT(DI)

// func dotsAVX512(groups int, a, b, w0, w1, w2, w3 *float32, sums *[8]float32)
// Z0..Z3 gather a's products, Z4..Z7 b's: eight chains of fused multiply-adds.
TEXT ·dotsAVX512(SB), NOSPLIT, $0-64
	MOVQ   groups+0(FP), CX
	MOVQ   a+8(FP), AX
	MOVQ   b+16(FP), BX
	MOVQ   w0+24(FP), R8
	MOVQ   w1+32(FP), R9
	MOVQ   w2+40(FP), R10
	MOVQ   w3+48(FP), R11
	MOVQ   sums+56(FP), DI
	VXORPS Z0, Z0, Z0
	VXORPS Z1, Z1, Z1
	VXORPS Z2, Z2, Z2
	VXORPS Z3, Z3, Z3
	VXORPS Z4, Z4, Z4
	VXORPS Z5, Z5, Z5
	VXORPS Z6, Z6, Z6
	VXORPS Z7, Z7, Z7
	XORQ   DX, DX

group:
	VMOVUPS     (AX)(DX*1), Z8
	VMOVUPS     (BX)(DX*1), Z9
	VMOVUPS     (R8)(DX*1), Z10
	VMOVUPS     (R9)(DX*1), Z11
	VMOVUPS     (R10)(DX*1), Z12
	VMOVUPS     (R11)(DX*1), Z13
	VFMADD231PS Z10, Z8, Z0
	VFMADD231PS Z11, Z8, Z1
	VFMADD231PS Z12, Z8, Z2
	VFMADD231PS Z13, Z8, Z3
	VFMADD231PS Z10, Z9, Z4
	VFMADD231PS Z11, Z9, Z5
	VFMADD231PS Z12, Z9, Z6
	VFMADD231PS Z13, Z9, Z7
	ADDQ        $64, DX
	DECQ        CX
	JNZ         group

	SUM(Z0, Y0, X0, 0)
	SUM(Z1, Y1, X1, 4)
	SUM(Z2, Y2, X2, 8)
	SUM(Z3, Y3, X3, 12)
	SUM(Z4, Y4, X4, 16)
	SUM(Z5, Y5, X5, 20)
	SUM(Z6, Y6, X6, 24)
	SUM(Z7, Y7, X7, 28)
	VZEROUPPER
	RET

// func addScaledAVX512(groups int, to, x0, x1, x2, x3 *float32, d *[4]float32)
TEXT ·addScaledAVX512(SB), NOSPLIT, $0-56
	MOVQ         groups+0(FP), CX
	MOVQ         to+8(FP), DI
	MOVQ         x0+16(FP), R8
	MOVQ         x1+24(FP), R9
	MOVQ         x2+32(FP), R10
	MOVQ         x3+40(FP), R11
	MOVQ         d+48(FP), AX
	VBROADCASTSS (AX), Z0
	VBROADCASTSS 4(AX), Z1
	VBROADCASTSS 8(AX), Z2
	VBROADCASTSS 12(AX), Z3
	XORQ         DX, DX

group:
	VMOVUPS     (DI)(DX*1), Z4
	VMULPS      (R8)(DX*1), Z0, Z5
	VMULPS      (R9)(DX*1), Z1, Z6
	VFMADD231PS (R10)(DX*1), Z2, Z5
	VFMADD231PS (R11)(DX*1), Z3, Z6
	VADDPS      Z5, Z4, Z4
	VADDPS      Z6, Z4, Z4
	VMOVUPS     Z4, (DI)(DX*1)
	ADDQ        $64, DX
	DECQ        CX
	JNZ         group
	VZEROUPPER
	RET
